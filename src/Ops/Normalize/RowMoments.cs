using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>Sums over two rows of one length, side by side: while one waits for its sum across lanes, the other goes on.</summary>
/// <remarks>
/// Four sums per row run side by side, because an addition takes four cycles and one can start in each. Inlined, since passing vectors to a
/// method goes through memory. If the second row is left out (TTwo), so is all that is done for it.
/// </remarks>
internal static class RowMoments<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>
    /// The means, as x0 + avg(x - x0). No element is further than sqrt(D) standard deviations from the mean, so that the error is small
    /// against the standard deviation however far the row is from zero; of a constant row the mean is exact.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (V A, V B) Means<TTwo>(DeviceBuffer<T> a, DeviceBuffer<T> b)
        where TTwo : IChoice
    {
        V firstA = V.LoadSplat(a, 0), firstB = TTwo.IsMade ? V.LoadSplat(b, 0) : firstA, perElement = PerElement(a);
        (V sumA, V sumB) = Sums<TTwo, Yes, No>(a, b, firstA, firstB);
        return (V.MultiplyAdd(sumA, perElement, firstA), V.MultiplyAdd(sumB, perElement, firstB));
    }

    /// <summary>
    /// The means of (x - center)^2, or of x^2. A second pass, which finds the rows in the first-level cache; never E[x^2] - E[x]^2, which
    /// cancels: rows of 100 + 0.01 z in float would get variance 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (V A, V B) MeanSquares<TTwo, TCentered>(DeviceBuffer<T> a, DeviceBuffer<T> b, V centerA, V centerB)
        where TTwo : IChoice
        where TCentered : IChoice
    {
        V perElement = PerElement(a);
        (V sumA, V sumB) = Sums<TTwo, TCentered, Yes>(a, b, centerA, centerB);
        return (sumA * perElement, sumB * perElement);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V A, V B) Sums<TTwo, TCentered, TSquared>(DeviceBuffer<T> a, DeviceBuffer<T> b, V centerA, V centerB)
        where TTwo : IChoice
        where TCentered : IChoice
        where TSquared : IChoice
    {
        V zero = V.Splat(T.Zero), a0 = zero, a1 = zero, a2 = zero, a3 = zero, b0 = zero, b1 = zero, b2 = zero, b3 = zero;
        int i = 0, width = V.Width, length = a.Length;
        for (; i <= length - (4 * width); i += 4 * width)
        {
            a0 = Add<TCentered, TSquared>(V.Load(a, i), centerA, a0);
            a1 = Add<TCentered, TSquared>(V.Load(a, i + width), centerA, a1);
            a2 = Add<TCentered, TSquared>(V.Load(a, i + (2 * width)), centerA, a2);
            a3 = Add<TCentered, TSquared>(V.Load(a, i + (3 * width)), centerA, a3);
            if (TTwo.IsMade)
            {
                b0 = Add<TCentered, TSquared>(V.Load(b, i), centerB, b0);
                b1 = Add<TCentered, TSquared>(V.Load(b, i + width), centerB, b1);
                b2 = Add<TCentered, TSquared>(V.Load(b, i + (2 * width)), centerB, b2);
                b3 = Add<TCentered, TSquared>(V.Load(b, i + (3 * width)), centerB, b3);
            }
        }
        for (; i <= length - width; i += width)
        {
            a0 = Add<TCentered, TSquared>(V.Load(a, i), centerA, a0);
            b0 = TTwo.IsMade ? Add<TCentered, TSquared>(V.Load(b, i), centerB, b0) : b0;
        }
        if (i < length)
        {
            a1 = Add<TCentered, TSquared>(V.Load(a, i, length - i, centerA), centerA, a1);
            b1 = TTwo.IsMade ? Add<TCentered, TSquared>(V.Load(b, i, length - i, centerB), centerB, b1) : b1;
        }
        V sumA = V.Sum(a0 + a1 + (a2 + a3));
        return (sumA, TTwo.IsMade ? V.Sum(b0 + b1 + (b2 + b3)) : sumA);
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
