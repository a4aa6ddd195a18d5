using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>What the functions of <see cref="VectorMath"/> need beside arithmetic: the exponent field of a number.</summary>
internal interface IExponentField<V>
    where V : struct
{
    /// <summary>The nearest integer, halves to even.</summary>
    static abstract V Round(V x);

    /// <summary>
    /// x 2^n, rounded once, for an integer n within +-2^10 (float: 2^8); past the largest number infinity, denormal or 0 at the other end.
    /// </summary>
    static abstract V ScaleByPowerOfTwo(V x, V n);
}

/// <summary>
/// Elementary functions of vectors, one text for every width and both types: within 2 units in the last place, 3 for tanh.
/// </summary>
/// <remarks>
/// <para>Exponentials split x = n log 2 + r with an integer n and |r| &lt;= (log 2) / 2, so that e^x = 2^n e^r and a short Taylor series
/// gives e^r - 1. log 2 is subtracted in two parts, the first with so few digits that n times it is exact.</para>
/// <para>Limits are selections that let NaN pass: <c>SelectGreater(x, high, high, x)</c> is x when x is NaN.</para>
/// </remarks>
internal static class VectorMath
{
    /// <summary>e^x: 0 and infinity beyond the range of <typeparamref name="T"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<V, T>(V x)
        where V : struct, ISimd<V, T>, IExponentField<V>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (V n, V m) = Reduce<V, T>(Limit<V, T>(x, Lowest<T>(), Highest<T>()));
        return V.ScaleByPowerOfTwo(m + V.Splat(T.One), n);
    }

    /// <summary>e^x - 1, accurate near zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V ExpM1<V, T>(V x)
        where V : struct, ISimd<V, T>, IExponentField<V>
        where T : unmanaged, IFloatingPointIeee754<T> =>
        KeepTiny<V, T>(x, ExpM1WithinLimits<V, T>(Limit<V, T>(x, -40, Highest<T>())));

    /// <summary>
    /// log(1 + x). With u = 1 + x rounded, log(u) x / (u - 1) cancels the rounding of u (Kahan). For large x, log(u) alone: infinity stays.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log1P<V, T>(V x)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        V one = V.Splat(T.One), u = one + x, d = u - one, log = V.Log(u);
        V result = V.SelectGreater(x, V.Splat(C<T>(1e20)), log, log * (x / d));
        return V.SelectGreater(V.Abs(d), V.Splat(T.Zero), result, x);
    }

    /// <summary>tanh x = m / (m + 2) with m = e^(2x) - 1. Beyond +-20 (float: 10) it is 1 or -1 to the last bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<V, T>(V x)
        where V : struct, ISimd<V, T>, IExponentField<V>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double limit = IsFloat<T>() ? 10 : 20;
        V near = Limit<V, T>(x, -limit, limit), m = ExpM1WithinLimits<V, T>(near + near);
        return KeepTiny<V, T>(x, m / (m + V.Splat(C<T>(2))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsFloat<T>() => typeof(T) == typeof(float);

    /// <summary>
    /// A constant as a T. Polynomials have dozens: by <c>CreateTruncating</c>, they would use up what the compiler is willing to inline.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T C<T>(double constant)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        IsFloat<T>() ? Unsafe.BitCast<float, T>((float)constant) : Unsafe.BitCast<double, T>(constant);

    /// <summary>One step of Horner's rule: the polynomial so far, times x, plus the next coefficient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Then<V, T>(V polynomial, V x, double coefficient)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T> => V.MultiplyAdd(polynomial, x, V.Splat(C<T>(coefficient)));

    // Below, e^x is less than half the smallest denormal; above, more than the largest number.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Lowest<T>() => IsFloat<T>() ? -104 : -746;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Highest<T>() => IsFloat<T>() ? 89 : 710;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Limit<V, T>(V x, double low, double high)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        V below = V.Splat(C<T>(low)), above = V.Splat(C<T>(high));
        V limited = V.SelectGreater(x, above, above, x);
        return V.SelectGreater(below, limited, below, limited);
    }

    /// <summary>The result, but x itself at 0, whose sign it keeps, and at NaN: for functions with f(x) = x + O(x^2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V KeepTiny<V, T>(V x, V result)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T> => V.SelectGreater(V.Abs(x), V.Splat(T.Zero), result, x);

    /// <summary>e^x - 1 = 2^n (m + (1 - 2^-n)): for n = 0 that is m, and no digits cancel for other n.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpM1WithinLimits<V, T>(V x)
        where V : struct, ISimd<V, T>, IExponentField<V>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (V n, V m) = Reduce<V, T>(x);
        V one = V.Splat(T.One);
        return V.ScaleByPowerOfTwo(m + (one - V.ScaleByPowerOfTwo(one, -n)), n);
    }

    /// <summary>
    /// n and m with e^x = 2^n (1 + m): m = e^r - 1 by its Taylor series, of which the first omitted term is below a quarter of the last
    /// place.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V N, V M) Reduce<V, T>(V x)
        where V : struct, ISimd<V, T>, IExponentField<V>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        // The first part of log 2 has 10 significant bits for float, 33 for double.
        (double log2High, double log2Low) = IsFloat<T>()
            ? (0.693359375, -2.1219444005469058e-4)
            : (6.93147180369123816490e-01, 1.90821492927058770002e-10);
        V n = V.Round(x * V.Splat(C<T>(1.4426950408889634)));
        V r = V.MultiplyAdd(-n, V.Splat(C<T>(log2Low)), V.MultiplyAdd(-n, V.Splat(C<T>(log2High)), x));
        V series;
        if (IsFloat<T>())
        {
            series = V.Splat(C<T>(1.0 / 5040));
        }
        else
        {
            series = V.Splat(C<T>(1.0 / 6227020800));
            series = Then<V, T>(series, r, 1.0 / 479001600);
            series = Then<V, T>(series, r, 1.0 / 39916800);
            series = Then<V, T>(series, r, 1.0 / 3628800);
            series = Then<V, T>(series, r, 1.0 / 362880);
            series = Then<V, T>(series, r, 1.0 / 40320);
            series = Then<V, T>(series, r, 1.0 / 5040);
        }
        series = Then<V, T>(series, r, 1.0 / 720);
        series = Then<V, T>(series, r, 1.0 / 120);
        series = Then<V, T>(series, r, 1.0 / 24);
        series = Then<V, T>(series, r, 1.0 / 6);
        series = Then<V, T>(series, r, 1.0 / 2);
        return (n, V.MultiplyAdd(r * r, series, r));
    }
}
