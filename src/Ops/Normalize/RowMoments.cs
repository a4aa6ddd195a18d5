using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>The mean of a row, and its mean square.</summary>
/// <remarks>
/// Four sums run side by side, because an addition takes four cycles and one can start in each. Inlined, since passing vectors to a method
/// goes through memory.
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
        V first = V.LoadSplat(x, 0);
        return V.MultiplyAdd(Sum<Yes, No>(x, first), PerElement(x), first);
    }

    /// <summary>
    /// The mean of (x - center)^2, or of x^2. A second pass, which finds the row in the first-level cache; never E[x^2] - E[x]^2, which
    /// cancels: rows of 100 + 0.01 z in float would get variance 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V MeanSquare<TCentered>(DeviceBuffer<T> x, V center)
        where TCentered : IChoice => Sum<TCentered, Yes>(x, center) * PerElement(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sum<TCentered, TSquared>(DeviceBuffer<T> x, V center)
        where TCentered : IChoice
        where TSquared : IChoice
    {
        V zero = V.Splat(T.Zero), sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
        int i = 0, width = V.Width, length = x.Length;
        for (; i <= length - (4 * width); i += 4 * width)
        {
            sum0 = Add<TCentered, TSquared>(V.Load(x, i), center, sum0);
            sum1 = Add<TCentered, TSquared>(V.Load(x, i + width), center, sum1);
            sum2 = Add<TCentered, TSquared>(V.Load(x, i + (2 * width)), center, sum2);
            sum3 = Add<TCentered, TSquared>(V.Load(x, i + (3 * width)), center, sum3);
        }
        for (; i <= length - width; i += width)
        {
            sum0 = Add<TCentered, TSquared>(V.Load(x, i), center, sum0);
        }
        if (i < length)
        {
            sum1 = Add<TCentered, TSquared>(V.Load(x, i, length - i, center), center, sum1);
        }
        return V.Sum(sum0 + sum1 + (sum2 + sum3));
    }

    // Rows that are not centered have center 0, which lanes past the end are filled with.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Add<TCentered, TSquared>(V x, V center, V sum)
        where TCentered : IChoice
        where TSquared : IChoice
    {
        V deviation = TCentered.IsMade ? x - center : x;
        return TSquared.IsMade ? V.MultiplyAdd(deviation, deviation, sum) : sum + deviation;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V PerElement(DeviceBuffer<T> x) => V.Splat(T.One / T.CreateChecked(x.Length));
}
