using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>How row kernels cut their work: by the shape alone, so that sums over rows never depend on threads.</summary>
internal static class RowChunks
{
    private const int ElementsPerChunk = 16384;
    private const int ElementsPerSum = 65536;
    private const int MostChunks = 128;

    /// <summary>
    /// Rows per chunk: about 16 K elements, or so many that there are at most 128 chunks, since each may write partial sums. An even
    /// number, as kernels may take two rows at a time.
    /// </summary>
    public static int Grain(int rows, int columns) => Grain(rows, columns, ElementsPerChunk);

    /// <summary>
    /// The same for kernels that write rows and sum over them in turn: about 64 K elements, or what the device prefers. With fewer rows to
    /// a sum, the sums themselves go out of the first-level cache and come back too often.
    /// </summary>
    public static int SumGrain<T>(IBackend<T> backend, int rows, int columns)
        where T : unmanaged, IFloatingPointIeee754<T> => backend.Grain(rows, Grain(rows, columns, ElementsPerSum), together: 2);

    /// <summary>The number of chunks of <see cref="Grain(int, int)"/> rows.</summary>
    public static int Count(int rows, int columns)
    {
        int grain = Grain(rows, columns);
        return (rows + grain - 1) / grain;
    }

    private static int Grain(int rows, int columns, int elements)
    {
        int grain = Math.Max(elements / columns, (rows + MostChunks - 1) / MostChunks);
        return Math.Clamp(grain > 1 ? (grain + 1) & ~1 : grain, 1, rows);
    }
}
