using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// The loops under binary formulas. Axes are merged where both operands allow it; then the last axis is the vector loop, in which an
/// operand either steps by one or, where it is broadcast, stays: a scalar and a bias row are one run of the inner loop per row. Operands
/// that are not broadcast need none of this (<see cref="PairwiseLoops{T, V}"/>).
/// </summary>
internal static class BroadcastLoops<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    private const int ElementsPerChunk = 8192;

    public static void Zip<TOp>(WorkerPool workers, TOp op, in ZipOperands<T> operands, DeviceBuffer<T> y)
        where TOp : unmanaged, IBinaryOp<T>
    {
        if (operands.A.Length == y.Length && operands.B.Length == y.Length)
        {
            PairwiseLoops<T, V>.Zip(workers, op, operands, y);
        }
        else
        {
            ZipBroadcast(workers, op, operands, y);
        }
    }

    public static void ZipVjp<TOp>(
        WorkerPool workers, TOp op, in ZipOperands<T> operands, DeviceBuffer<T> dy, GradientSink<T> da, GradientSink<T> db)
        where TOp : unmanaged, IBinaryOp<T>
    {
        if (operands.A.Length == dy.Length && operands.B.Length == dy.Length)
        {
            PairwiseLoops<T, V>.ZipVjp(workers, op, operands, dy, da, db);
        }
        else
        {
            ZipVjpBroadcast(workers, op, operands, dy, da, db);
        }
    }

    // Apart: a method clears all its locals when it is entered, and a plan takes longer to clear than a tiny op to compute.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ZipBroadcast<TOp>(WorkerPool workers, TOp op, in ZipOperands<T> operands, DeviceBuffer<T> y)
        where TOp : unmanaged, IBinaryOp<T>
    {
        Plan plan = new(operands.ShapeA, operands.ShapeB, operands.Shape);
        workers.Run(new ZipJob<TOp>(op, operands.A, operands.B, y, plan), plan.Chunks);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ZipVjpBroadcast<TOp>(
        WorkerPool workers, TOp op, in ZipOperands<T> operands, DeviceBuffer<T> dy, GradientSink<T> da, GradientSink<T> db)
        where TOp : unmanaged, IBinaryOp<T>
    {
        Plan plan = new(operands.ShapeA, operands.ShapeB, operands.Shape);
        workers.Run(new ZipVjpJob<TOp>(op, operands.A, operands.B, dy, da, db, plan), plan.Chunks);
    }

    /// <summary>How the elements of the result fall into segments of the last merged axis, and where each operand stands in them.</summary>
    private readonly struct Plan
    {
        private readonly Strides extents, stridesA, stridesB;
        private readonly int segmentsPerRow;

        public Plan(Shape a, Shape b, Shape y)
        {
            Strides fullA = Strides.RowMajor(a), fullB = Strides.RowMajor(b);
            int slot = Shape.MaxRank;
            for (int axis = Shape.MaxRank - 1; axis >= 0; axis--)
            {
                int extent = y.Aligned[axis];
                if (extent == 1 && slot < Shape.MaxRank)
                {
                    continue;
                }
                bool merges = slot < Shape.MaxRank
                    && fullA[axis] == stridesA[slot] * extents[slot] && fullB[axis] == stridesB[slot] * extents[slot];
                if (merges)
                {
                    extents[slot] *= extent;
                    continue;
                }
                slot--;
                (extents[slot], stridesA[slot], stridesB[slot]) = (extent, fullA[axis], fullB[axis]);
            }
            for (int unused = 0; unused < slot; unused++)
            {
                extents[unused] = 1;
            }
            RowLength = extents[Shape.MaxRank - 1];
            segmentsPerRow = (RowLength + ElementsPerChunk - 1) / ElementsPerChunk;
            Segments = y.ElementCount / RowLength * segmentsPerRow;
            SegmentsPerChunk = Math.Max(1, ElementsPerChunk / RowLength);
        }

        public int RowLength { get; }

        public int Segments { get; }

        public int SegmentsPerChunk { get; }

        public int Chunks => (Segments + SegmentsPerChunk - 1) / SegmentsPerChunk;

        public bool StepsA => stridesA[Shape.MaxRank - 1] != 0;

        public bool StepsB => stridesB[Shape.MaxRank - 1] != 0;

        /// <summary>
        /// The first element of segment number <paramref name="segment"/> in the result and in each operand, and its length.
        /// </summary>
        public (int Y, int A, int B, int Length) Locate(int segment)
        {
            int row = Math.DivRem(segment, segmentsPerRow, out int part);
            int start = part * ElementsPerChunk;
            int y = (row * RowLength) + start;
            int a = StepsA ? start : 0, b = StepsB ? start : 0;
            for (int axis = Shape.MaxRank - 2; axis >= 0; axis--)
            {
                row = Math.DivRem(row, extents[axis], out int index);
                a += index * stridesA[axis];
                b += index * stridesB[axis];
            }
            return (y, a, b, Math.Min(ElementsPerChunk, RowLength - start));
        }
    }

    private readonly struct ZipJob<TOp>(TOp op, DeviceBuffer<T> a, DeviceBuffer<T> b, DeviceBuffer<T> y, Plan plan) : IChunkJob
        where TOp : unmanaged, IBinaryOp<T>
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            int first = chunk * plan.SegmentsPerChunk, end = Math.Min(plan.Segments, first + plan.SegmentsPerChunk);
            for (int segment = first; segment < end; segment++)
            {
                (int offsetY, int offsetA, int offsetB, int length) = plan.Locate(segment);
                RunSegment(op, a, offsetA, plan.StepsA, b, offsetB, plan.StepsB, y, offsetY, length);
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void RunSegment(
            TOp f, DeviceBuffer<T> a, int offsetA, bool stepsA, DeviceBuffer<T> b, int offsetB, bool stepsB,
            DeviceBuffer<T> y, int offsetY, int length)
        {
            V one = V.Splat(T.One);
            V splatA = V.LoadSplat(a, offsetA), splatB = V.LoadSplat(b, offsetB);
            for (int i = 0; i < length; i += V.Width)
            {
                int count = length - i;
                V va = stepsA ? V.Load(a, offsetA + i, count, one) : splatA;
                V vb = stepsB ? V.Load(b, offsetB + i, count, one) : splatB;
                V.Store(f.Forward(va, vb), y, offsetY + i, count);
            }
        }
    }

    private readonly struct ZipVjpJob<TOp>(
        TOp op, DeviceBuffer<T> a, DeviceBuffer<T> b, DeviceBuffer<T> dy, GradientSink<T> da, GradientSink<T> db, Plan plan) : IChunkJob
        where TOp : unmanaged, IBinaryOp<T>
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            int first = chunk * plan.SegmentsPerChunk, end = Math.Min(plan.Segments, first + plan.SegmentsPerChunk);
            for (int segment = first; segment < end; segment++)
            {
                RunSegment(plan.Locate(segment));
            }
        }

        private void RunSegment((int Y, int A, int B, int Length) at)
        {
            DeviceBuffer<T> left = a, right = b, from = dy;
            GradientSink<T> toLeft = da, toRight = db;
            bool stepsA = plan.StepsA, stepsB = plan.StepsB;
            V one = V.Splat(T.One), zero = V.Splat(T.Zero);
            V va = V.LoadSplat(left, at.A), vb = V.LoadSplat(right, at.B);
            for (int i = 0; i < at.Length; i += V.Width)
            {
                int count = at.Length - i;
                if (TOp.VjpReadsOperands)
                {
                    va = stepsA ? V.Load(left, at.A + i, count, one) : va;
                    vb = stepsB ? V.Load(right, at.B + i, count, one) : vb;
                }
                (V ga, V gb) = op.Vjp(va, vb, V.Load(from, at.Y + i, count, zero));
                Write(ga, toLeft, at.Y + i, count);
                Write(gb, toRight, at.Y + i, count);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Write(V gradient, GradientSink<T> sink, int index, int count)
        {
            if (sink.IsWanted)
            {
                V.Store(sink.Accumulate ? V.Load(sink.Buffer, index, count, gradient) + gradient : gradient, sink.Buffer, index, count);
            }
        }
    }
}
