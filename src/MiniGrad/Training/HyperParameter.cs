using System.Runtime.CompilerServices;

namespace MiniGrad.Training;

/// <summary>Checks of the numbers that people choose: each returns its value, or throws naming it, the value and the range.</summary>
internal static class HyperParameter
{
    public static double Positive(double value, [CallerArgumentExpression(nameof(value))] string name = "") =>
        value > 0 && double.IsFinite(value) ? value : throw Invalid(value, name, "above 0 and finite");

    public static double NotNegative(double value, [CallerArgumentExpression(nameof(value))] string name = "") =>
        value >= 0 && double.IsFinite(value) ? value : throw Invalid(value, name, "at least 0 and finite");

    /// <summary>Checks the share that a moving average keeps of its past.</summary>
    public static double Decay(double value, [CallerArgumentExpression(nameof(value))] string name = "") =>
        value is >= 0 and < 1 ? value : throw Invalid(value, name, "at least 0 and below 1");

    public static long Count(long value, [CallerArgumentExpression(nameof(value))] string name = "") =>
        value >= 1 ? value : throw Invalid(value, name, "at least 1");

    private static ArgumentOutOfRangeException Invalid(object value, string name, string range) =>
        new(name, $"{name} is {value}, but must be {range}.");
}
