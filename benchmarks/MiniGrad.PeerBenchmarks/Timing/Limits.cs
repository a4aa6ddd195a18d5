using System.Numerics;
using System.Runtime.Intrinsics;
using MiniGrad.Backends;
using MiniGrad.Benchmarks;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.PeerBenchmarks;

/// <summary>Bare loops that do nothing but multiply-adds, or nothing but move bytes, on as many threads as the backend.</summary>
internal static class Limits
{
    private const int PeakSteps = 20_000;
    private const int BytesPerChunk = 32 * 1024;
    private const long LeastBytesToStream = 48 << 20; // As the kernels do: who reads a smaller result next may lose more than that wins.

    /// <summary>The time that <paramref name="flops"/> operations take at the processor's peak.</summary>
    public static Contestant Peak(IBackend<float> backend, double flops, int threads)
    {
        bool is512 = SimdSupport.Default == SimdWidth.Bits512;
        Scratch<float> sink = backend.Pool.RentScratch<float>(threads * PeakKernel.SinkStride);
        PeakKernel kernel = new(sink.Buffer, PeakSteps, is512);
        double done = (double)threads * (is512 ? PeakLoop.Flops512(PeakSteps) : PeakLoop.Flops256(PeakSteps));
        return new LocalContestant("peak", () => backend.Run(kernel, threads, 1)) { Scale = done / flops, Release = sink.Dispose };
    }

    /// <summary>
    /// The time to read <paramref name="arrays"/> - 1 arrays of <paramref name="count"/> numbers and write one. Large ones are written past
    /// the caches, which is faster as no line is read before.
    /// </summary>
    public static Contestant Bytes(IBackend<float> backend, int count, int arrays, int threads)
    {
        Scratch<float>[] memory = [.. Enumerable.Range(0, arrays).Select(_ => backend.Pool.RentScratch<float>(count))];
        foreach (Scratch<float> array in memory)
        {
            backend.Fill(array.Buffer, 1);
        }
        bool streams = (long)count * sizeof(float) >= LeastBytesToStream;
        MoveKernel kernel = new(memory[0].Buffer, memory[1].Buffer, arrays > 2 ? memory[2].Buffer : default, streams);
        // Small arrays stay on one thread: handing over half of them takes longer than the rest.
        int grain = Math.Max(BytesPerChunk / sizeof(float), (count + threads - 1) / threads);
        return new LocalContestant("bytes", () => backend.Run(kernel, count, grain))
        {
            Release = () => Array.ForEach(memory, array => array.Dispose()),
        };
    }

    /// <summary>One item is one thread's share. V is not used: the loops are to be independent of what they measure.</summary>
    private readonly struct PeakKernel(DeviceBuffer<float> sink, int steps, bool is512) : IKernel<float>
    {
        /// <summary>Two cache lines, so that threads do not share one.</summary>
        public const int SinkStride = 32;

        public unsafe void Run<V>(int first, int end, int chunk)
            where V : struct, ISimd<V, float>
        {
            float* to = (float*)sink.Address + (first * SinkStride);
            *to = is512 ? PeakLoop.Run512(steps, 1) : PeakLoop.Run256(steps, 1);
        }
    }

    private interface IStore
    {
        static abstract unsafe void Store(Vector512<float> value, float* to);
    }

    private readonly struct Plain : IStore
    {
        public static unsafe void Store(Vector512<float> value, float* to) => value.Store(to);
    }

    private readonly struct Streaming : IStore
    {
        public static unsafe void Store(Vector512<float> value, float* to) => value.StoreAlignedNonTemporal(to);
    }

    /// <summary>z = x, or z = x + y / 2 if there is a y.</summary>
    private readonly struct MoveKernel(DeviceBuffer<float> z, DeviceBuffer<float> x, DeviceBuffer<float> y, bool streams) : IKernel<float>
    {
        public unsafe void Run<V>(int first, int end, int chunk)
            where V : struct, ISimd<V, float>
        {
            float* to = (float*)z.Address + first, a = (float*)x.Address + first, b = (float*)y.Address;
            if (streams && (nint)to % Vector512<byte>.Count == 0)
            {
                Move<Streaming>(to, a, b == null ? null : b + first, end - first);
            }
            else
            {
                Move<Plain>(to, a, b == null ? null : b + first, end - first);
            }
        }

        private static unsafe void Move<TStore>(float* to, float* a, float* b, int count)
            where TStore : IStore
        {
            if (b == null)
            {
                Copy<TStore>(to, a, count);
            }
            else
            {
                Triad<TStore>(to, a, b, count);
            }
        }

        private static unsafe void Copy<TStore>(float* to, float* a, int count)
            where TStore : IStore
        {
            int width = Vector512<float>.Count, i = 0;
            for (; i <= count - (4 * width); i += 4 * width)
            {
                Vector512<float> v0 = Vector512.Load(a + i), v1 = Vector512.Load(a + i + width);
                Vector512<float> v2 = Vector512.Load(a + i + (2 * width)), v3 = Vector512.Load(a + i + (3 * width));
                TStore.Store(v0, to + i);
                TStore.Store(v1, to + i + width);
                TStore.Store(v2, to + i + (2 * width));
                TStore.Store(v3, to + i + (3 * width));
            }
            for (; i < count; i++)
            {
                to[i] = a[i];
            }
        }

        private static unsafe void Triad<TStore>(float* to, float* a, float* b, int count)
            where TStore : IStore
        {
            Vector512<float> half = Vector512.Create(0.5f);
            int width = Vector512<float>.Count, i = 0;
            for (; i <= count - (2 * width); i += 2 * width)
            {
                Vector512<float> v0 = Vector512.FusedMultiplyAdd(Vector512.Load(b + i), half, Vector512.Load(a + i));
                Vector512<float> v1 = Vector512.FusedMultiplyAdd(Vector512.Load(b + i + width), half, Vector512.Load(a + i + width));
                TStore.Store(v0, to + i);
                TStore.Store(v1, to + i + width);
            }
            for (; i < count; i++)
            {
                to[i] = a[i] + (0.5f * b[i]);
            }
        }
    }
}
