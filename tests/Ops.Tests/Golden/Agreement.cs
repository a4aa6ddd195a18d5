using System.Numerics;

namespace MiniGrad.Ops.Tests.Golden;

/// <summary>
/// What it means here to agree with libtorch: every element is within a tolerance times the largest element of the expected tensor,
/// <code>
/// |actual - expected| &lt;= tolerance max |expected|      tolerance = 1e-12 in float64, 1e-5 in float32
/// </code>
/// so that an element that is small only by cancellation is not asked for digits that its summands do not have. NaN and infinities agree
/// with themselves only.
/// </summary>
internal static class Agreement
{
    /// <summary>Fails, naming the worst element, unless <paramref name="actual"/> agrees with <paramref name="expected"/>.</summary>
    public static void Require<T>(GoldenTensor expected, ReadOnlySpan<T> actual, string what)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Assert.Equal(expected.Values.Length, actual.Length);
        double tolerance = typeof(T) == typeof(double) ? 1e-12 : 1e-5;
        double scale = expected.Values.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        double worst = -1;
        int at = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double error = Distance(double.CreateChecked(actual[i]), expected.Values[i]);
            if (error > worst)
            {
                (worst, at) = (error, i);
            }
        }
        Assert.True(
            worst <= tolerance * scale,
            $"{what} {expected.Name}: element {at} is {actual[at]:R}, libtorch has {expected.Values[at]:R}; " +
            $"off by {worst:E2}, {worst / scale:E2} of the largest element {scale:G6}, where {tolerance:E0} is allowed.");
    }

    private static double Distance(double actual, double expected) =>
        double.IsFinite(expected) && double.IsFinite(actual) ? Math.Abs(actual - expected)
        : actual.Equals(expected) ? 0 : double.PositiveInfinity;
}
