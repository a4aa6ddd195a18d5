namespace MiniGrad.Ops;

/// <summary>
/// How column kernels cut their work: each chunk owns whole columns, so that sums down columns need no partial sums and no order among
/// threads.
/// </summary>
internal static class ColumnChunks
{
    private const int ElementsPerChunk = 16384;
    private const int ColumnsPerLine = 64;

    /// <summary>
    /// Columns per chunk: about 16 K elements, in multiples of 64 columns so that chunks share no cache lines and vectors are full.
    /// </summary>
    public static int Grain(int rows, int columns) =>
        Math.Min(columns, Math.Max(1, ElementsPerChunk / rows / ColumnsPerLine) * ColumnsPerLine);
}
