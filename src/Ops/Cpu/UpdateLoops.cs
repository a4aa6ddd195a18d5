using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>The loop under optimizer rules: one pass over value, gradient and state, all parameters in one parallel job.</summary>
/// <remarks>
/// Such a pass takes as long as its arrays take to come in from the outer cache or memory: the square root and the quotient of Adam hide
/// behind that, and prefetching by hand gained nothing.
/// </remarks>
internal static unsafe class UpdateLoops<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>Elements per chunk, a multiple of every width: streams long enough for the processor to foresee them.</summary>
    private const int Chunk = 16384;

    public static void Update<TRule>(WorkerPool workers, TRule rule, ReadOnlySpan<UpdateCall<T>> calls)
        where TRule : unmanaged, IUpdateRule<T>
    {
        int chunks = 0;
        foreach (ref readonly UpdateCall<T> call in calls)
        {
            chunks += ChunksOf(call);
        }
        fixed (UpdateCall<T>* first = calls)
        {
            workers.Run(new Job<TRule>(rule, first), chunks);
        }
    }

    private static int ChunksOf(in UpdateCall<T> call) => (call.Value.Length + Chunk - 1) / Chunk;

    private readonly struct Job<TRule>(TRule rule, UpdateCall<T>* calls) : IChunkJob
        where TRule : unmanaged, IUpdateRule<T>
    {
        /// <summary>Chunks are counted through all calls, in order.</summary>
        public void Run(int chunk)
        {
            UpdateCall<T>* call = calls;
            for (int chunks = ChunksOf(*call); chunk >= chunks; chunks = ChunksOf(*call))
            {
                chunk -= chunks;
                call++;
            }
            int first = chunk * Chunk;
            Apply(rule, *call, first, Math.Min(first + Chunk, call->Value.Length));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Apply<TRule>(TRule rule, in UpdateCall<T> call, int first, int end)
        where TRule : unmanaged, IUpdateRule<T>
    {
        DeviceBuffer<T> value = call.Value, gradient = call.Gradient, state0 = call.State0, state1 = call.State1;
        V zero = V.Splat(T.Zero);
        for (int i = first; i < end; i += V.Width)
        {
            int count = end - i;
            V s0 = TRule.StateCount > 0 ? V.Load(state0, i, count, zero) : zero;
            V s1 = TRule.StateCount > 1 ? V.Load(state1, i, count, zero) : zero;
            (V v, s0, s1) = rule.Update(V.Load(value, i, count, zero), V.Load(gradient, i, count, zero), s0, s1);
            V.Store(v, value, i, count);
            if (TRule.StateCount > 0)
            {
                V.Store(s0, state0, i, count);
            }
            if (TRule.StateCount > 1)
            {
                V.Store(s1, state1, i, count);
            }
        }
    }
}
