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
        int rowLength = call.Shape.Aligned[^1], rows = call.Shape.ElementCount / rowLength;
        int rowsPerChunk = Math.Max(1, ElementsPerChunk / rowLength);
        workers.Run(new CopyJob(call, rows, rowsPerChunk), (rows + rowsPerChunk - 1) / rowsPerChunk);
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

    private readonly struct CopyJob(CopyCall<T> call, int rows, int rowsPerChunk) : IChunkJob
    {
        public void Run(int chunk)
        {
            V scale = V.Splat(call.Scale);
            int end = Math.Min(rows, (chunk + 1) * rowsPerChunk);
            for (int row = chunk * rowsPerChunk; row < end; row++)
            {
                int rest = row, x = 0, y = 0;
                for (int axis = Shape.MaxRank - 2; axis >= 0; axis--)
                {
                    rest = Math.DivRem(rest, call.Shape.Aligned[axis], out int index);
                    x += index * call.StridesX[axis];
                    y += index * call.StridesY[axis];
                }
                CopyRow(call.X, x, call.StridesX[Shape.MaxRank - 1], call.Y, y, call.StridesY[Shape.MaxRank - 1], call.Shape.Aligned[^1], scale, call.Accumulate);
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
