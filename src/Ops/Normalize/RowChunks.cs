namespace MiniGrad.Ops;

/// <summary>How row kernels cut their work: by the shape alone, so that sums over rows never depend on threads.</summary>
internal static class RowChunks
{
    private const int ElementsPerChunk = 16384;
    private const int MostChunks = 128;

    /// <summary>
    /// Rows per chunk: about 16 K elements, or so many that there are at most 128 chunks, since each may write partial sums. An even
    /// number, as kernels may take two rows at a time.
    /// </summary>
    public static int Grain(int rows, int columns)
    {
        int grain = Math.Max(ElementsPerChunk / columns, (rows + MostChunks - 1) / MostChunks);
        return Math.Clamp(grain > 1 ? (grain + 1) & ~1 : grain, 1, rows);
    }

    /// <summary>The number of chunks.</summary>
    public static int Count(int rows, int columns)
    {
        int grain = Grain(rows, columns);
        return (rows + grain - 1) / grain;
    }
}
