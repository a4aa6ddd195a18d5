using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>The gradient of a new hidden state, where cases are padded or something is random.</summary>
internal static class HiddenGradient<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>
    /// Sums what the output, the next product and the next state send to elements of the hidden state; returns the share that the new state
    /// gets, and leaves the rest in <see cref="SequenceGradients{T}.Direct"/> for the step before.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Take(in SequenceBuffers<T> s, in SequenceGradients<T> d, int n, int row, int j, int count)
    {
        int at = (n * s.Hidden) + j, here = (row * s.Hidden) + j;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        V dh = V.Load(d.Outputs, here, count, zero) + V.Load(d.Direct, at, count, zero);
        dh = V.MultiplyAdd(MaskReader<T, V>.Factors(s.EnteringFactors, at, count), V.Load(d.FromProduct, at, count, zero), dh);
        V share = MaskReader<T, V>.Padding(s.Padding, row) * MaskReader<T, V>.Factors(s.HiddenShare, here, count);
        V.Store((one - share) * dh, d.Direct, at, count);
        return share * dh;
    }
}

/// <summary>A sum over rows, kept in memory.</summary>
internal static class RowSum<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>sum += x.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Add(DeviceBuffer<T> x, DeviceBuffer<T> sum)
    {
        V zero = V.Splat(T.Zero);
        for (int i = 0; i < x.Length; i += V.Width)
        {
            int count = x.Length - i;
            V.Store(V.Load(sum, i, count, zero) + V.Load(x, i, count, zero), sum, i, count);
        }
    }
}
