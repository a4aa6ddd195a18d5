using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>Alignment of rows to vectors.</summary>
/// <remarks>
/// A 512-bit vector fills a cache line; one that straddles two lines takes twice as long to load, and longer to store. Rows of 1000 floats
/// start in the middle of a line every second time: loops that write rows begin with the elements before the next line.
/// </remarks>
internal static class CacheLine
{
    /// <summary>How many elements of the row lie before the first place where a whole vector is aligned; all, if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe int ElementsBefore<T, V>(DeviceBuffer<T> row)
        where T : unmanaged, IFloatingPointIeee754<T>
        where V : struct, ISimd<V, T> => Math.Min(row.Length, (int)-(row.Address / sizeof(T)) & (V.Width - 1));
}
