using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Copies between strided layouts, and of rows by index.</summary>
internal static class CopyLoops<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    private const int ElementsPerChunk = 8192;

    public static void Copy(WorkerPool workers, in CopyCall<T> call)
    {
        CopyPlan plan = new(call.Shape, call.StridesX, call.StridesY);
        workers.Run(new CopyJob(call, plan), plan.Chunks);
    }

    public static void Gather(WorkerPool workers, DeviceBuffer<T> table, DeviceBuffer<int> indices, DeviceBuffer<T> y, int rowLength)
    {
        int rowsPerChunk = Math.Max(1, ElementsPerChunk / rowLength);
        workers.Run(new GatherJob(table, indices, y, rowLength, rowsPerChunk), (indices.Length + rowsPerChunk - 1) / rowsPerChunk);
    }

    // One thread: two rows may add into one row of the table, and the order of additions must not vary.
    public static unsafe void ScatterAdd(DeviceBuffer<T> x, DeviceBuffer<int> indices, DeviceBuffer<T> table, int rowLength)
    {
        for (int row = 0; row < indices.Length; row++)
        {
            int to = ((int*)indices.Address)[row];
            CopyRow(x, row * rowLength, 1, table, to * rowLength, 1, rowLength, V.Splat(T.One), accumulate: true);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyRow(
        DeviceBuffer<T> x, int fromX, int stepX, DeviceBuffer<T> y, int toY, int stepY, int length, V scale, bool accumulate)
    {
        if (stepY == 1 && stepX is 0 or 1)
        {
            V first = scale * V.LoadSplat(x, fromX);
            for (int i = 0; i < length; i += V.Width)
            {
                int count = length - i;
                V value = stepX == 1 ? scale * V.Load(x, fromX + i, count, scale) : first;
                V.Store(accumulate ? V.Load(y, toY + i, count, value) + value : value, y, toY + i, count);
            }
            return;
        }
        for (int i = 0; i < length; i++)
        {
            V value = scale * V.LoadSplat(x, fromX + (i * stepX));
            V.StoreScalar(accumulate ? V.LoadSplat(y, toY + (i * stepY)) + value : value, y, toY + (i * stepY));
        }
    }

    /// <summary>
    /// A strip of the source's fastest axis times the whole of the destination's, tile by tile: within a tile, every cache line that is
    /// read or written is used in full before it leaves the cache.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyStrip(
        DeviceBuffer<T> x, int fromX, DeviceBuffer<T> y, int toY, CopyAxis column, int columns, CopyAxis row, V scale, bool accumulate)
    {
        for (int first = 0; first < row.Extent; first += CopyPlan.Tile)
        {
            int end = Math.Min(row.Extent, first + CopyPlan.Tile);
            for (int j = 0; j < columns; j++)
            {
                int from = fromX + (j * column.StepX), to = toY + (j * column.StepY);
                for (int i = first; i < end; i++)
                {
                    V value = scale * V.LoadSplat(x, from + (i * row.StepX));
                    int at = to + (i * row.StepY);
                    V.StoreScalar(accumulate ? V.LoadSplat(y, at) + value : value, y, at);
                }
            }
        }
    }

    private readonly struct CopyJob(CopyCall<T> call, CopyPlan plan) : IChunkJob
    {
        public void Run(int chunk)
        {
            V scale = V.Splat(call.Scale);
            CopyAxis row = plan.Row, column = plan.Column;
            int end = Math.Min(plan.Items, (chunk + 1) * plan.ItemsPerChunk);
            for (int item = chunk * plan.ItemsPerChunk; item < end;)
            {
                (int x, int y, int length, int rows) = plan.Locate(item, end);
                item += rows;
                if (plan.IsTransposed)
                {
                    CopyStrip(call.X, x, call.Y, y, column, length, row, scale, call.Accumulate);
                    continue;
                }
                for (int r = 0; r < rows; r++)
                {
                    int fromX = x + (r * column.StepX), toY = y + (r * column.StepY);
                    CopyRow(call.X, fromX, row.StepX, call.Y, toY, row.StepY, length, scale, call.Accumulate);
                }
            }
        }
    }

    private readonly unsafe struct GatherJob(
        DeviceBuffer<T> table, DeviceBuffer<int> indices, DeviceBuffer<T> y, int rowLength, int rowsPerChunk) : IChunkJob
    {
        public void Run(int chunk)
        {
            int end = Math.Min(indices.Length, (chunk + 1) * rowsPerChunk);
            for (int row = chunk * rowsPerChunk; row < end; row++)
            {
                int from = ((int*)indices.Address)[row];
                CopyRow(table, from * rowLength, 1, y, row * rowLength, 1, rowLength, V.Splat(T.One), accumulate: false);
            }
        }
    }
}
