namespace MiniGrad.Ops;

/// <summary>How row kernels cut their work: about 16 K elements per chunk, by the shape alone, so that sums over rows never depend on threads.</summary>
internal static class RowChunks
{
    private const int ElementsPerChunk = 16384;

    /// <summary>Rows per chunk.</summary>
    public static int Grain(int rows, int columns) => Math.Clamp(ElementsPerChunk / columns, 1, rows);

    /// <summary>The number of chunks.</summary>
    public static int Count(int rows, int columns)
    {
        int grain = Grain(rows, columns);
        return (rows + grain - 1) / grain;
    }
}
