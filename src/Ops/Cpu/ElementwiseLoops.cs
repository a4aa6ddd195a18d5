using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// The loops under unary formulas: whole vectors, then one partial vector. Work is cut into fixed chunks.
/// </summary>
internal static class ElementwiseLoops<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>Elements per chunk: a multiple of every width, and small enough for the first-level cache.</summary>
    private const int Chunk = 8192;

    public static void Fill(WorkerPool workers, DeviceBuffer<T> y, T value) => Start(workers, new FillJob(y, value), y.Length);

    public static void Map<TOp>(WorkerPool workers, TOp op, DeviceBuffer<T> x, DeviceBuffer<T> y)
        where TOp : unmanaged, IUnaryOp<T>
    {
        if (Streaming.PaysByVectors<T, V>(y))
        {
            Start(workers, new MapJob<TOp, Streamed>(op, x, y), y.Length);
        }
        else
        {
            Start(workers, new MapJob<TOp, Assigned>(op, x, y), y.Length);
        }
    }

    public static void MapVjp<TOp>(WorkerPool workers, TOp op, DeviceBuffer<T> saved, DeviceBuffer<T> dy, GradientSink<T> dx)
        where TOp : unmanaged, IUnaryOp<T>
    {
        if (dx.IsWanted)
        {
            Start(workers, new MapVjpJob<TOp>(op, saved, dy, dx), dy.Length);
        }
    }

    private static void Start<TJob>(WorkerPool workers, in TJob job, int length)
        where TJob : struct, IChunkJob => workers.Run(job, (length + Chunk - 1) / Chunk);

    private static int End(int chunk, int length) => (int)Math.Min((long)(chunk + 1) * Chunk, length);

    private readonly struct FillJob(DeviceBuffer<T> y, T value) : IChunkJob
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            DeviceBuffer<T> to = y;
            V v = V.Splat(value);
            int i = chunk * Chunk, end = End(chunk, to.Length);
            for (; i <= end - V.Width; i += V.Width)
            {
                V.Store(v, to, i);
            }
            V.Store(v, to, i, end - i);
        }
    }

    private readonly struct MapJob<TOp, TStore>(TOp op, DeviceBuffer<T> x, DeviceBuffer<T> y) : IChunkJob
        where TOp : unmanaged, IUnaryOp<T>
        where TStore : ISinkMode
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            DeviceBuffer<T> from = x, to = y;
            TOp f = op;
            int i = chunk * Chunk, end = End(chunk, to.Length);
            for (; i <= end - V.Width; i += V.Width)
            {
                SinkMode<T, V>.Store<TStore>(f.Forward(V.Load(from, i)), to, i, V.Width);
            }
            if (i < end)
            {
                V.Store(f.Forward(V.Load(from, i, end - i, V.Splat(T.One))), to, i, end - i);
            }
            Streaming.Fence<TStore>();
        }
    }

    private readonly struct MapVjpJob<TOp>(TOp op, DeviceBuffer<T> saved, DeviceBuffer<T> dy, GradientSink<T> dx) : IChunkJob
        where TOp : unmanaged, IUnaryOp<T>
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(int chunk)
        {
            DeviceBuffer<T> s = saved, from = dy, to = dx.Buffer;
            bool accumulate = dx.Accumulate;
            TOp f = op;
            V zero = V.Splat(T.Zero), one = V.Splat(T.One);
            int i = chunk * Chunk, end = End(chunk, from.Length);
            for (; i < end; i += V.Width)
            {
                int count = end - i;
                V g = f.Vjp(TOp.Saves == Saves.Nothing ? zero : V.Load(s, i, count, one), V.Load(from, i, count, zero));
                V.Store(accumulate ? V.Load(to, i, count, g) + g : g, to, i, count);
            }
        }
    }
}
