using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>When and how results are written past the caches.</summary>
/// <remarks>
/// A plain store first reads the line it writes to: of three lines that a copy moves, one is read for nothing. A non-temporal store does
/// not, but whoever reads the result next finds it in memory. For a result that the caches cannot hold that costs less than it saves.
/// </remarks>
internal static class Streaming
{
    // By what comes after: of two ops, the second of which reads what the first wrote, plain stores take 1.03 to 1.65 times as long from
    // 48 MB on, 0.93 to 1.34 times at 32 MB and 0.78 to 1.34 times at 16 MB; the first op alone gains from 4 MB on. Measured with caches of
    // 2 MB per core and of 300 MB for all, on one core and on two.
    private const long LeastBytes = 48 << 20;

    /// <summary>Whether to write all of <paramref name="result"/> by <see cref="ISimd{V, T}.StoreNonTemporal"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe bool Pays<T>(DeviceBuffer<T> result)
        where T : unmanaged, IFloatingPointIeee754<T> => (long)result.Length * sizeof(T) >= LeastBytes;

    /// <summary>The same for a loop over all elements by vectors, which are aligned only if the first one is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool PaysByVectors<T, V>(DeviceBuffer<T> result)
        where T : unmanaged, IFloatingPointIeee754<T>
        where V : struct, ISimd<V, T> => Pays(result) && CacheLine.ElementsBefore<T, V>(result) == 0;

    /// <summary>
    /// In a loop that streams, asks for the line of element <paramref name="index"/>, which may lie past the end. The processor itself
    /// fetches ahead within a page of memory only, and of rows taken in turn it sees too little to begin early.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Fetch<T, TMode>(DeviceBuffer<T> buffer, nint index)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMode : ISinkMode
    {
        if (TMode.Streams && Sse.IsSupported)
        {
            Sse.Prefetch0((T*)buffer.Address + index);
        }
    }

    /// <summary>
    /// To be called at the end of a chunk: orders what its thread has streamed before whatever tells others that the chunk is done.
    /// </summary>
    public static void Fence<TMode>()
        where TMode : ISinkMode
    {
        if (TMode.Streams && Sse.IsSupported)
        {
            Sse.StoreFence();
        }
    }
}
