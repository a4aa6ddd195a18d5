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
            V mu = RowMoments<T, V>.Mean(x);
            V.StoreScalar(mu, mean, at);
            power = RowMoments<T, V>.MeanSquare<Yes>(x, mu);
        }
        else
        {
            power = RowMoments<T, V>.MeanSquare<No>(x, zero);
        }
        V deviation = epsilon.IsOutside ? V.SelectGreater(power, zero, V.Sqrt(power), zero) + small : V.Sqrt(power + small);
        V.StoreScalar(one / deviation, rstd, at);
    }

    /// <summary>
    /// From the gradients of a group's outputs, those of its inputs and of its gains and shift; with <typeparamref name="TTwo"/> at the
    /// same time those of a second group of as many features: both most often start from the same gradients.
    /// </summary>
    /// <param name="a">A group.</param>
    /// <param name="b">The second one, if there is one.</param>
    /// <param name="dshift">A sum over rows, to which the gradients of the outputs of <paramref name="a"/> are added.</param>
    /// <param name="epsilon">As forward.</param>
    public static void Backward<TTwo>(in GroupGradients<T> a, in GroupGradients<T> b, DeviceBuffer<T> dshift, Epsilon<T> epsilon)
        where TTwo : IChoice
    {
        // Two methods, because the compiler inlines only so much into one.
        Sum<TTwo>(a, b, dshift, epsilon, out Averages ofA, out Averages ofB);
        Write<TTwo>(a, b, ofA, ofB);
    }

    /// <summary>xHat of the elements from <paramref name="i"/> on; what is past <paramref name="count"/> becomes 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V XHat(DeviceBuffer<T> x, int i, int count, V mu, V r) =>
        !TNorm.IsPresent ? V.Load(x, i, count, r)
        : TNorm.HasMean ? (V.Load(x, i, count, mu) - mu) * r
        : V.Load(x, i, count, V.Splat(T.Zero)) * r;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Sum<TTwo>(
        in GroupGradients<T> a, in GroupGradients<T> b, DeviceBuffer<T> dshift, Epsilon<T> epsilon, out Averages ofA, out Averages ofB)
        where TTwo : IChoice
    {
        V zero = V.Splat(T.Zero), muA = Mean(a), rA = V.LoadSplat(a.Rstd, a.At), muB = zero, rB = zero;
        if (TTwo.IsMade)
        {
            (muB, rB) = (Mean(b), V.LoadSplat(b.Rstd, b.At));
        }
        V uA = zero, uXHatA = zero, uB = zero, uXHatB = zero;
        int length = a.X.Length, i = 0;
        for (; i <= length - V.Width; i += V.Width)
        {
            AddToSums<TTwo>(i, V.Width, a, b, dshift, muA, rA, muB, rB, ref uA, ref uXHatA, ref uB, ref uXHatB);
        }
        if (i < length)
        {
            AddToSums<TTwo>(i, length - i, a, b, dshift, muA, rA, muB, rB, ref uA, ref uXHatA, ref uB, ref uXHatB);
        }
        V perFeature = V.Splat(T.One / T.CreateChecked(length));
        ofA = Average(uA, uXHatA, perFeature, epsilon, rA);
        ofB = TTwo.IsMade ? Average(uB, uXHatB, perFeature, epsilon, rB) : ofA;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Mean(in GroupGradients<T> group) => TNorm.HasMean ? V.LoadSplat(group.Mean, group.At) : V.Splat(T.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Averages Average(V sumU, V sumUXHat, V perFeature, Epsilon<T> epsilon, V r)
    {
        V zero = V.Splat(T.Zero), averageUXHat = V.Sum(sumUXHat) * perFeature;
        return new(
            TNorm.HasMean ? V.Sum(sumU) * perFeature : zero,
            epsilon.IsOutside ? OutsideRoot(averageUXHat, epsilon.Value, r) : averageUXHat);
    }

    /// <summary>kappa avg(u xHat). Where only rounding is left of s rstd, s counts as 0: the term would be as small.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V OutsideRoot(V averageUXHat, T epsilon, V r)
    {
        V share = V.Splat(T.One) - (V.Splat(epsilon) * r), least = V.Splat(T.CreateTruncating(8) * (T.BitIncrement(T.One) - T.One));
        return V.SelectGreater(share, least, averageUXHat / share, V.Splat(T.Zero));
    }

    // Trap: rows are often a multiple of 4 KiB long, and a load waits for a store before it whose address ends in the same 12 bits. So all
    // loads come first.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddToSums<TTwo>(
        int i, int count, in GroupGradients<T> a, in GroupGradients<T> b, DeviceBuffer<T> dshift, V muA, V rA, V muB, V rB,
        ref V uA, ref V uXHatA, ref V uB, ref V uXHatB)
        where TTwo : IChoice
    {
        V zero = V.Splat(T.Zero), dy = V.Load(a.Dy, i, count, zero), shift = V.Load(dshift, i, count, zero) + dy;
        V gainA = AddToSums(i, count, a, dy, muA, rA, ref uA, ref uXHatA);
        if (TTwo.IsMade)
        {
            V.Store(AddToSums(i, count, b, V.Load(b.Dy, i, count, zero), muB, rB, ref uB, ref uXHatB), b.DGain, i, count);
        }
        V.Store(gainA, a.DGain, i, count);
        V.Store(shift, dshift, i, count);
    }

    /// <summary>Returns the sum for the gain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V AddToSums(int i, int count, in GroupGradients<T> group, V dy, V mu, V r, ref V sumU, ref V sumUXHat)
    {
        V zero = V.Splat(T.Zero), xHat = XHat(group.X, i, count, mu, r), u = V.Load(group.Gain, i, count, zero) * dy;
        if (TNorm.HasMean)
        {
            sumU += u;
        }
        sumUXHat = V.MultiplyAdd(u, xHat, sumUXHat);
        return V.MultiplyAdd(dy, xHat, V.Load(group.DGain, i, count, zero));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Write<TTwo>(in GroupGradients<T> a, in GroupGradients<T> b, in Averages ofA, in Averages ofB)
        where TTwo : IChoice
    {
        V muA = Mean(a), rA = V.LoadSplat(a.Rstd, a.At);
        V muB = TTwo.IsMade ? Mean(b) : muA, rB = TTwo.IsMade ? V.LoadSplat(b.Rstd, b.At) : rA;
        V averageA = ofA.U, averageXHatA = ofA.UXHat, averageB = ofB.U, averageXHatB = ofB.UXHat;
        int length = a.X.Length;
        for (int i = 0; i < length; i += V.Width)
        {
            // Both are computed before either is stored: they may take the place of the gradients that they come from.
            int count = length - i;
            V dx = Gradient(i, count, a, muA, rA, averageA, averageXHatA);
            if (TTwo.IsMade)
            {
                V.Store(Gradient(i, count, b, muB, rB, averageB, averageXHatB), b.Dx, i, count);
            }
            V.Store(dx, a.Dx, i, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Gradient(int i, int count, in GroupGradients<T> group, V mu, V r, V averageU, V averageUXHat)
    {
        V zero = V.Splat(T.Zero), u = V.Load(group.Gain, i, count, zero) * V.Load(group.Dy, i, count, zero);
        V centered = TNorm.HasMean ? u - averageU : u;
        return r * (centered - (XHat(group.X, i, count, mu, r) * averageUXHat));
    }

    /// <summary>avg(u) and kappa avg(u xHat).</summary>
    private readonly record struct Averages(V U, V UXHat);
}

/// <summary>The memory of the backward pass through the normalization of a group of features of one row.</summary>
/// <param name="X">What was normalized.</param>
/// <param name="Gain">The gains.</param>
/// <param name="Dy">The gradients of gain xHat.</param>
/// <param name="Dx">Where those of <paramref name="X"/> go; may be the memory of <paramref name="Dy"/>.</param>
/// <param name="DGain">Those of the gains, a sum over rows that is added to.</param>
/// <param name="Mean">Means saved forward.</param>
/// <param name="Rstd">Reciprocals of deviations saved forward.</param>
/// <param name="At">Where the group's statistics are in both.</param>
internal readonly record struct GroupGradients<T>(
    DeviceBuffer<T> X, DeviceBuffer<T> Gain, DeviceBuffer<T> Dy, DeviceBuffer<T> Dx, DeviceBuffer<T> DGain,
    DeviceBuffer<T> Mean, DeviceBuffer<T> Rstd, int At)
    where T : unmanaged, IFloatingPointIeee754<T>;

/// <summary>Epsilon and where it goes.</summary>
internal readonly record struct Epsilon<T>(T Value, bool IsOutside)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Epsilon<T> Of(RecurrentOptions options) =>
        new(T.CreateTruncating(options.Epsilon), options.EpsilonPlacement == EpsilonPlacement.OutsideRoot);
}
