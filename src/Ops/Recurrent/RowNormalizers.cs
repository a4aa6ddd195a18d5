using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>Which normalization a fused kernel is compiled for: constants, so that the compiler leaves out what is not needed.</summary>
internal interface IRowNormalizer
{
    /// <summary>Whether anything is normalized.</summary>
    static abstract bool IsPresent { get; }

    /// <summary>Whether the mean is taken off.</summary>
    static abstract bool HasMean { get; }
}

/// <summary>xHat = x.</summary>
internal readonly struct NoNormalizer : IRowNormalizer
{
    public static bool IsPresent => false;

    public static bool HasMean => false;
}

/// <summary>xHat = (x - mean) rstd.</summary>
internal readonly struct LayerNormalizer : IRowNormalizer
{
    public static bool IsPresent => true;

    public static bool HasMean => true;
}

/// <summary>xHat = x rstd, with the root mean square in place of the standard deviation.</summary>
internal readonly struct RmsNormalizer : IRowNormalizer
{
    public static bool IsPresent => true;

    public static bool HasMean => false;
}

/// <summary>
/// Statistics of a group of features of one row, and the backward pass of y = gain xHat:
/// <code>
/// dx = rstd (u - avg(u) - kappa xHat avg(u xHat)),   u = gain dy
/// </code>
/// without avg(u) if no mean is taken off. With epsilon inside the root, kappa = 1; outside, rstd = 1 / (s + epsilon) depends on s with the
/// slope -rstd^2, and kappa = 1 / (s rstd) = 1 / (1 - epsilon rstd). At s = 0, where a root has no slope, rstd counts as a constant: the
/// last term is 0.
/// </summary>
internal static class RowNormalizer<T, V, TNorm>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
    where TNorm : struct, IRowNormalizer
{
    /// <summary>Stores mean and rstd of a group at an index of two buffers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Measure(DeviceBuffer<T> x, Epsilon<T> epsilon, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, int at)
    {
        V small = V.Splat(epsilon.Value), one = V.Splat(T.One), zero = V.Splat(T.Zero), power;
        if (TNorm.HasMean)
        {
            V mu = RowMoments<T, V>.Means<No>(x, x).A;
            V.StoreScalar(mu, mean, at);
            power = RowMoments<T, V>.MeanSquares<No, Yes>(x, x, mu, mu).A;
        }
        else
        {
            power = RowMoments<T, V>.MeanSquares<No, No>(x, x, zero, zero).A;
        }
        V deviation = epsilon.IsOutside ? V.SelectGreater(power, zero, V.Sqrt(power), zero) + small : V.Sqrt(power + small);
        V.StoreScalar(one / deviation, rstd, at);
    }

    /// <summary>
    /// Replaces, or writes next to them, the gradients of a group's outputs by those of its inputs, and adds to the gain's gradient.
    /// </summary>
    /// <param name="x">The group's inputs.</param>
    /// <param name="gain">Their gains.</param>
    /// <param name="dy">The gradients of gain xHat.</param>
    /// <param name="dx">Where those of x go; may be the memory of <paramref name="dy"/>.</param>
    /// <param name="dgain">A sum over rows, added to.</param>
    /// <param name="epsilon">As forward.</param>
    /// <param name="mean">Statistics saved forward.</param>
    /// <param name="rstd">Statistics saved forward.</param>
    /// <param name="at">Where the group's are.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Backward(
        DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> dy, DeviceBuffer<T> dx, DeviceBuffer<T> dgain,
        Epsilon<T> epsilon, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, int at)
    {
        V zero = V.Splat(T.Zero), mu = TNorm.HasMean ? V.LoadSplat(mean, at) : zero, r = V.LoadSplat(rstd, at);
        V sumU = zero, sumUxHat = zero;
        int length = x.Length, full = length - V.Width, i = 0;
        for (; i <= full; i += V.Width)
        {
            Sum(i, V.Width, x, gain, dy, dgain, mu, r, ref sumU, ref sumUxHat);
        }
        if (i < length)
        {
            Sum(i, length - i, x, gain, dy, dgain, mu, r, ref sumU, ref sumUxHat);
        }
        V perFeature = V.Splat(T.One / T.CreateChecked(length));
        V averageU = TNorm.HasMean ? V.Sum(sumU) * perFeature : zero, averageUxHat = V.Sum(sumUxHat) * perFeature;
        if (epsilon.IsOutside)
        {
            // Where only rounding is left of s rstd, s counts as 0: the term would be as small.
            V share = V.Splat(T.One) - (V.Splat(epsilon.Value) * r);
            V least = V.Splat(T.CreateTruncating(8) * (T.BitIncrement(T.One) - T.One));
            averageUxHat = V.SelectGreater(share, least, averageUxHat / share, zero);
        }
        for (i = 0; i <= full; i += V.Width)
        {
            Write(i, V.Width, x, gain, dy, dx, mu, r, averageU, averageUxHat);
        }
        if (i < length)
        {
            Write(i, length - i, x, gain, dy, dx, mu, r, averageU, averageUxHat);
        }
    }

    /// <summary>xHat of the elements from <paramref name="i"/> on; what is past <paramref name="count"/> becomes 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V XHat(DeviceBuffer<T> x, int i, int count, V mu, V r) =>
        !TNorm.IsPresent ? V.Load(x, i, count, r)
        : TNorm.HasMean ? (V.Load(x, i, count, mu) - mu) * r
        : V.Load(x, i, count, V.Splat(T.Zero)) * r;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sum(
        int i, int count, DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> dy, DeviceBuffer<T> dgain, V mu, V r,
        ref V sumU, ref V sumUxHat)
    {
        V zero = V.Splat(T.Zero), g = V.Load(dy, i, count, zero), xHat = XHat(x, i, count, mu, r), u = V.Load(gain, i, count, zero) * g;
        if (TNorm.HasMean)
        {
            sumU += u;
        }
        sumUxHat = V.MultiplyAdd(u, xHat, sumUxHat);
        V.Store(V.MultiplyAdd(g, xHat, V.Load(dgain, i, count, zero)), dgain, i, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(
        int i, int count, DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> dy, DeviceBuffer<T> dx, V mu, V r,
        V averageU, V averageUxHat)
    {
        V zero = V.Splat(T.Zero), u = V.Load(gain, i, count, zero) * V.Load(dy, i, count, zero), xHat = XHat(x, i, count, mu, r);
        V centered = TNorm.HasMean ? u - averageU : u;
        V.Store(r * (centered - (xHat * averageUxHat)), dx, i, count);
    }
}

/// <summary>Epsilon and where it goes.</summary>
internal readonly record struct Epsilon<T>(T Value, bool IsOutside)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Epsilon<T> Of(RecurrentOptions options) =>
        new(T.CreateTruncating(options.Epsilon), options.EpsilonPlacement == EpsilonPlacement.OutsideRoot);
}
