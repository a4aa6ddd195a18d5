using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>What becomes of a new state before the next step sees it, where cases are padded or something is random.</summary>
internal static class StateBlend<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>
    /// state of the next step = share made + (1 - share) state of this step; exactly one of them where the share is 0 or 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Apply(in SequenceBuffers<T> s, DeviceBuffer<T> shares, int row, DeviceBuffer<T> made, DeviceBuffer<T> states)
    {
        int h = s.Hidden;
        DeviceBuffer<T> previous = SequenceBuffers<T>.Row(states, row, h), next = SequenceBuffers<T>.Row(states, row + s.Cases, h);
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), padding = MaskReader<T, V>.Padding(s.Padding, row);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V share = padding * MaskReader<T, V>.Factors(shares, (row * h) + j, count);
            V.Store((share * V.Load(made, j, count, zero)) + ((one - share) * V.Load(previous, j, count, zero)), next, j, count);
        }
    }

    /// <summary>Masks the hidden state of case <paramref name="n"/> in row <paramref name="row"/> of the states for its product.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Enter(in SequenceBuffers<T> s, int n, int row)
    {
        int h = s.Hidden;
        for (int j = 0; j < h && s.EnteringFactors.Length > 0; j += V.Width)
        {
            int count = h - j;
            V zero = V.Splat(T.Zero), factors = V.Load(s.EnteringFactors, (n * h) + j, count, zero);
            V.Store(factors * V.Load(s.States, (row * h) + j, count, zero), s.Entering, (row * h) + j, count);
        }
    }
}
