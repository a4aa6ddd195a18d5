using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Reductions over the middle axis of [outer, length, inner]: along rows when inner is 1, else down columns, a vector of columns at a time.</summary>
/// <remarks>
/// An axis is split in halves down to blocks, and partial results combined pairwise, so that rounding errors of a sum grow with the logarithm
/// of its length. The order depends on the extents and the vector width alone.
/// </remarks>
internal static class ReduceLoops<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    private const int ElementsPerChunk = 16384;
    private const int VectorsPerBlock = 32;

    public static void Reduce<TReduction>(WorkerPool workers, TReduction reduction, in ReduceCall<T> call)
        where TReduction : unmanaged, IReduction<T>
    {
        if (call.Inner == 1)
        {
            int rows = Math.Max(1, ElementsPerChunk / call.Length);
            workers.Run(new RowJob<TReduction>(reduction, call, rows), (call.Outer + rows - 1) / rows);
        }
        else
        {
            int columns = Math.Max(V.Width, ElementsPerChunk / call.Length / V.Width * V.Width);
            int chunksPerOuter = (call.Inner + columns - 1) / columns;
            workers.Run(new ColumnJob<TReduction>(reduction, call, columns, chunksPerOuter), call.Outer * chunksPerOuter);
        }
    }

    /// <summary>y[o] = the combination of row o.</summary>
    private readonly struct RowJob<TReduction>(TReduction reduction, ReduceCall<T> call, int rowsPerChunk) : IChunkJob
        where TReduction : unmanaged, IReduction<T>
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            int end = Math.Min(call.Outer, (chunk + 1) * rowsPerChunk);
            V scale = V.Splat(call.Scale);
            for (int row = chunk * rowsPerChunk; row < end; row++)
            {
                V lanes = Combine(call.X.Slice(row * call.Length, call.Length));
                V result = scale * Across(lanes);
                V.StoreScalar(call.Accumulate ? V.LoadSplat(call.Y, row) + result : result, call.Y, row);
            }
        }

        private V Combine(DeviceBuffer<T> x)
        {
            if (x.Length > V.Width * VectorsPerBlock)
            {
                int half = ((x.Length / 2) + V.Width - 1) / V.Width * V.Width;
                return reduction.Combine(Combine(x.Slice(0, half)), Combine(x.Slice(half, x.Length - half)));
            }
            V identity = V.Splat(TReduction.Identity), result = identity;
            int i = 0;
            for (; i <= x.Length - V.Width; i += V.Width)
            {
                result = reduction.Combine(result, V.Load(x, i));
            }
            return i < x.Length ? reduction.Combine(result, V.Load(x, i, x.Length - i, identity)) : result;
        }

        private static V Across(V lanes) => typeof(TReduction) == typeof(MaxReduction<T>) ? V.MaxAcross(lanes) : V.Sum(lanes);
    }

    /// <summary>y[o, c] = the combination of column c of matrix o.</summary>
    private readonly struct ColumnJob<TReduction>(TReduction reduction, ReduceCall<T> call, int columnsPerChunk, int chunksPerOuter) : IChunkJob
        where TReduction : unmanaged, IReduction<T>
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            int outer = Math.DivRem(chunk, chunksPerOuter, out int part);
            int end = Math.Min(call.Inner, (part + 1) * columnsPerChunk);
            V scale = V.Splat(call.Scale);
            for (int column = part * columnsPerChunk; column < end; column += V.Width)
            {
                int count = end - column, y = (outer * call.Inner) + column;
                V result = scale * Combine((outer * call.Length * call.Inner) + column, call.Length, count);
                V.Store(call.Accumulate ? V.Load(call.Y, y, count, result) + result : result, call.Y, y, count);
            }
        }

        private V Combine(int start, int length, int count)
        {
            if (length > VectorsPerBlock)
            {
                int half = length / 2;
                return reduction.Combine(Combine(start, half, count), Combine(start + (half * call.Inner), length - half, count));
            }
            V identity = V.Splat(TReduction.Identity), result = identity;
            for (int i = 0; i < length; i++)
            {
                result = reduction.Combine(result, V.Load(call.X, start + (i * call.Inner), count, identity));
            }
            return result;
        }
    }
}
