using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// Reductions over the middle axis of [outer, length, inner]: along rows when inner is 1, else down columns, a vector of columns at a time.
/// </summary>
/// <remarks>
/// An axis is split in halves down to blocks, and partial results combined pairwise, so that rounding errors of a sum grow with the
/// logarithm of its length. Inside a block four vectors run side by side: one alone would wait for its own last addition. The order
/// depends on the extents and the vector width alone.
/// </remarks>
internal static class ReduceLoops<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    // Some 2 us: handing out a chunk takes 0.5, and with it go lines that another core wrote.
    private const int ElementsPerChunk = 32768;
    private const int VectorsPerBlock = 64;
    private const int RowsPerBlock = 32;

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
            int stripe = 4 * V.Width, columns = Math.Max(stripe, ElementsPerChunk / call.Length / stripe * stripe);
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
                V result = scale * reduction.Across(Combine(call.X.Slice(row * call.Length, call.Length)));
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
            return CombineBlock(reduction, x);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static V CombineBlock(TReduction reduction, DeviceBuffer<T> x)
        {
            V identity = V.Splat(TReduction.Identity), r0 = identity, r1 = identity, r2 = identity, r3 = identity;
            int i = 0;
            for (; i <= x.Length - (4 * V.Width); i += 4 * V.Width)
            {
                r0 = reduction.Combine(r0, V.Load(x, i));
                r1 = reduction.Combine(r1, V.Load(x, i + V.Width));
                r2 = reduction.Combine(r2, V.Load(x, i + (2 * V.Width)));
                r3 = reduction.Combine(r3, V.Load(x, i + (3 * V.Width)));
            }
            for (; i < x.Length; i += V.Width)
            {
                r0 = reduction.Combine(r0, V.Load(x, i, x.Length - i, identity));
            }
            return reduction.Combine(reduction.Combine(r0, r1), reduction.Combine(r2, r3));
        }
    }

    /// <summary>y[o, c] = the combination of column c of matrix o, for four vectors of columns at a time.</summary>
    private readonly struct ColumnJob<TReduction>(TReduction reduction, ReduceCall<T> call, int columnsPerChunk, int chunksPerOuter)
        : IChunkJob
        where TReduction : unmanaged, IReduction<T>
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            int outer = Math.DivRem(chunk, chunksPerOuter, out int part);
            int end = Math.Min(call.Inner, (part + 1) * columnsPerChunk);
            for (int column = part * columnsPerChunk; column < end; column += 4 * V.Width)
            {
                int count = end - column, y = (outer * call.Inner) + column;
                (V r0, V r1, V r2, V r3) = Combine((outer * call.Length * call.Inner) + column, call.Length, count);
                Write(r0, y, count);
                Write(r1, y + V.Width, count - V.Width);
                Write(r2, y + (2 * V.Width), count - (2 * V.Width));
                Write(r3, y + (3 * V.Width), count - (3 * V.Width));
            }
        }

        private void Write(V combined, int index, int count)
        {
            if (count > 0)
            {
                V result = V.Splat(call.Scale) * combined;
                V.Store(call.Accumulate ? V.Load(call.Y, index, count, result) + result : result, call.Y, index, count);
            }
        }

        private (V R0, V R1, V R2, V R3) Combine(int start, int length, int count)
        {
            if (length > RowsPerBlock)
            {
                int half = length / 2;
                (V a0, V a1, V a2, V a3) = Combine(start, half, count);
                (V b0, V b1, V b2, V b3) = Combine(start + (half * call.Inner), length - half, count);
                return (reduction.Combine(a0, b0), reduction.Combine(a1, b1), reduction.Combine(a2, b2), reduction.Combine(a3, b3));
            }
            return count >= 4 * V.Width
                ? CombineBlock(reduction, call.X, start, call.Inner, length)
                : CombinePartialBlock(reduction, call.X, start, call.Inner, length, count);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static (V R0, V R1, V R2, V R3) CombineBlock(TReduction reduction, DeviceBuffer<T> x, int start, int stride, int length)
        {
            V identity = V.Splat(TReduction.Identity), r0 = identity, r1 = identity, r2 = identity, r3 = identity;
            for (int row = 0, i = start; row < length; row++, i += stride)
            {
                r0 = reduction.Combine(r0, V.Load(x, i));
                r1 = reduction.Combine(r1, V.Load(x, i + V.Width));
                r2 = reduction.Combine(r2, V.Load(x, i + (2 * V.Width)));
                r3 = reduction.Combine(r3, V.Load(x, i + (3 * V.Width)));
            }
            return (r0, r1, r2, r3);
        }

        /// <summary>The same for the last columns, of which there are fewer than four vectors.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private static (V R0, V R1, V R2, V R3) CombinePartialBlock(
            TReduction reduction, DeviceBuffer<T> x, int start, int stride, int length, int count)
        {
            V identity = V.Splat(TReduction.Identity);
            return (Column(0), Column(V.Width), Column(2 * V.Width), Column(3 * V.Width));

            V Column(int offset)
            {
                V result = identity;
                for (int row = 0, i = start + offset; row < length && offset < count; row++, i += stride)
                {
                    result = reduction.Combine(result, V.Load(x, i, count - offset, identity));
                }
                return result;
            }
        }
    }
}
