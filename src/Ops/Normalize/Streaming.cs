using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>When and how results are written past the caches.</summary>
/// <remarks>
/// A plain store first reads the line it writes to: of three lines that a copy moves, one is read for nothing. A non-temporal store does not,
/// but whoever reads the result next finds it in memory. For a result that the core's own cache cannot hold that costs less than it saves.
/// </remarks>
internal static class Streaming
{
    // Copying 8 MB and reading the copy takes 1.16 times as long with plain stores, 16 MB and more 1.25 to 1.4 times; 4 MB as long, 2 MB only
    // 0.83 times. Measured with caches of 2 MB per core and of 300 MB for all, on one core and on two.
    private const long LeastBytes = 8 << 20;

    /// <summary>Whether to write all of <paramref name="result"/> by <see cref="ISimd{V, T}.StoreNonTemporal"/>.</summary>
    public static unsafe bool Pays<T>(DeviceBuffer<T> result)
        where T : unmanaged, IFloatingPointIeee754<T> => (long)result.Length * sizeof(T) >= LeastBytes;

    /// <summary>
    /// In a loop that streams, asks for the line of element <paramref name="index"/>, which may lie past the end. The processor itself fetches
    /// ahead within a page of memory only, and of rows taken in turn it sees too little to begin early.
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
    /// To be called by the thread that streamed a chunk, when it is done: orders its stores before whatever tells others that they happened.
    /// </summary>
    public static void Fence()
    {
        if (Sse.IsSupported)
        {
            Sse.StoreFence();
        }
    }
}
