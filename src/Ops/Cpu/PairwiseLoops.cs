using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>The loops under binary formulas where nothing is broadcast: element i of the result is of element i of each operand.</summary>
internal static class PairwiseLoops<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    private const int Chunk = 8192;

    public static void Zip<TOp>(WorkerPool workers, TOp op, in ZipOperands<T> operands, DeviceBuffer<T> y)
        where TOp : unmanaged, IBinaryOp<T>
    {
        if (Streaming.PaysByVectors<T, V>(y))
        {
            workers.Run(new ZipJob<TOp, Streamed>(op, operands.A, operands.B, y), Chunks(y.Length));
        }
        else
        {
            workers.Run(new ZipJob<TOp, Assigned>(op, operands.A, operands.B, y), Chunks(y.Length));
        }
    }

    public static void ZipVjp<TOp>(
        WorkerPool workers, TOp op, in ZipOperands<T> operands, DeviceBuffer<T> dy, GradientSink<T> da, GradientSink<T> db)
        where TOp : unmanaged, IBinaryOp<T> =>
        workers.Run(new ZipVjpJob<TOp>(op, operands.A, operands.B, dy, da, db), Chunks(dy.Length));

    private static int Chunks(int length) => (length + Chunk - 1) / Chunk;

    private readonly struct ZipJob<TOp, TStore>(TOp op, DeviceBuffer<T> a, DeviceBuffer<T> b, DeviceBuffer<T> y) : IChunkJob
        where TOp : unmanaged, IBinaryOp<T>
        where TStore : ISinkMode
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            DeviceBuffer<T> left = a, right = b, to = y;
            TOp f = op;
            int i = chunk * Chunk, end = Math.Min(i + Chunk, to.Length);
            for (; i <= end - V.Width; i += V.Width)
            {
                SinkMode<T, V>.Store<TStore>(f.Forward(V.Load(left, i), V.Load(right, i)), to, i, V.Width);
            }
            if (i < end)
            {
                V one = V.Splat(T.One);
                V.Store(f.Forward(V.Load(left, i, end - i, one), V.Load(right, i, end - i, one)), to, i, end - i);
            }
            Streaming.Fence<TStore>();
        }
    }

    private readonly struct ZipVjpJob<TOp>(
        TOp op, DeviceBuffer<T> a, DeviceBuffer<T> b, DeviceBuffer<T> dy, GradientSink<T> da, GradientSink<T> db) : IChunkJob
        where TOp : unmanaged, IBinaryOp<T>
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            DeviceBuffer<T> left = a, right = b, from = dy;
            GradientSink<T> toLeft = da, toRight = db;
            TOp f = op;
            V one = V.Splat(T.One), va = one, vb = one;
            int i = chunk * Chunk, end = Math.Min(i + Chunk, from.Length);
            for (; i < end; i += V.Width)
            {
                int count = end - i;
                if (TOp.VjpReadsOperands)
                {
                    va = V.Load(left, i, count, one);
                    vb = V.Load(right, i, count, one);
                }
                (V ga, V gb) = f.Vjp(va, vb, V.Load(from, i, count, V.Splat(T.Zero)));
                Write(ga, toLeft, i, count);
                Write(gb, toRight, i, count);
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
