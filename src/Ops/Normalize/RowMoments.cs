using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>Mean and mean squares of one row, in two passes: the second finds the row in the first-level cache.</summary>
/// <remarks>
/// Never E[x^2] - E[x]^2, which cancels: rows of 100 + 0.01 z in float would get variance 0. Four sums run side by side, because an
/// addition takes four cycles and one can start in each. Inlined, since passing vectors to a method goes through memory.
/// </remarks>
internal static class RowMoments<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>
    /// The mean, as x0 + avg(x - x0). No element is further than sqrt(D) standard deviations from the mean, so that the error is small
    /// against the standard deviation however far the row is from zero; of a constant row the mean is exact.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Mean(DeviceBuffer<T> x)
    {
        V shift = V.LoadSplat(x, 0), a = V.Splat(T.Zero), b = a, c = a, d = a;
        int i = 0, width = V.Width;
        for (; i <= x.Length - (4 * width); i += 4 * width)
        {
            a += V.Load(x, i) - shift;
            b += V.Load(x, i + width) - shift;
            c += V.Load(x, i + (2 * width)) - shift;
            d += V.Load(x, i + (3 * width)) - shift;
        }
        for (; i <= x.Length - width; i += width)
        {
            a += V.Load(x, i) - shift;
        }
        if (i < x.Length)
        {
            b += V.Load(x, i, x.Length - i, shift) - shift;
        }
        return V.MultiplyAdd(V.Sum(a + b + (c + d)), PerElement(x), shift);
    }

    /// <summary>The biased variance: the mean of (x - mean)^2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Variance(DeviceBuffer<T> x, V mean)
    {
        V a = V.Splat(T.Zero), b = a, c = a, d = a;
        int i = 0, width = V.Width;
        for (; i <= x.Length - (4 * width); i += 4 * width)
        {
            a = AddSquare(V.Load(x, i) - mean, a);
            b = AddSquare(V.Load(x, i + width) - mean, b);
            c = AddSquare(V.Load(x, i + (2 * width)) - mean, c);
            d = AddSquare(V.Load(x, i + (3 * width)) - mean, d);
        }
        for (; i <= x.Length - width; i += width)
        {
            a = AddSquare(V.Load(x, i) - mean, a);
        }
        if (i < x.Length)
        {
            b = AddSquare(V.Load(x, i, x.Length - i, mean) - mean, b);
        }
        return V.Sum(a + b + (c + d)) * PerElement(x);
    }

    /// <summary>The mean of x^2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V MeanSquare(DeviceBuffer<T> x)
    {
        V zero = V.Splat(T.Zero), a = zero, b = zero, c = zero, d = zero;
        int i = 0, width = V.Width;
        for (; i <= x.Length - (4 * width); i += 4 * width)
        {
            a = AddSquare(V.Load(x, i), a);
            b = AddSquare(V.Load(x, i + width), b);
            c = AddSquare(V.Load(x, i + (2 * width)), c);
            d = AddSquare(V.Load(x, i + (3 * width)), d);
        }
        for (; i <= x.Length - width; i += width)
        {
            a = AddSquare(V.Load(x, i), a);
        }
        if (i < x.Length)
        {
            b = AddSquare(V.Load(x, i, x.Length - i, zero), b);
        }
        return V.Sum(a + b + (c + d)) * PerElement(x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V AddSquare(V value, V sum) => V.MultiplyAdd(value, value, sum);

    private static V PerElement(DeviceBuffer<T> x) => V.Splat(T.One / T.CreateChecked(x.Length));
}
