using System.Globalization;
using System.Numerics;

namespace MiniGrad;

/// <summary>
/// Formats numbers that stand in one table as NumPy does: each with the fewest digits that tell it from its neighbours in T, at most eight
/// decimals, points aligned. All get an exponent if the largest is at least 1e8, the smallest nonzero one below 1e-4, or they differ more
/// than 1000-fold.
/// </summary>
internal sealed class NumberColumn<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Precision = 8;
    private readonly bool usesExponent;
    private readonly int left, right, exponentDigits;

    public NumberColumn(List<T> values)
    {
        List<T> finite = values.FindAll(T.IsFinite);
        double[] sizes = [.. finite.Where(value => !T.IsZero(value)).Select(value => Math.Abs(double.CreateChecked(value)))];
        usesExponent = sizes.Length > 0 && (sizes.Max() >= 1e8 || sizes.Min() < 1e-4 || sizes.Max() / sizes.Min() > 1000);
        foreach (T value in finite)
        {
            (string whole, string fraction, string exponent) = Parts(value, usesExponent, Precision);
            left = Math.Max(left, whole.Length);
            right = Math.Max(right, fraction.Length);
            exponentDigits = Math.Max(exponentDigits, exponent.Length - 1);
        }
        int rightOfPoint = right + (usesExponent ? exponentDigits + 2 : 0);
        foreach (T value in values.Where(value => !T.IsFinite(value)))
        {
            left = Math.Max(left, NotFinite(value).Length - rightOfPoint - 1);
        }
        Width = left + 1 + rightOfPoint;
    }

    /// <summary>The length of every text that <see cref="Format"/> returns.</summary>
    public int Width { get; }

    public string Format(T value)
    {
        if (!T.IsFinite(value))
        {
            return NotFinite(value).PadLeft(Width);
        }
        (string whole, string fraction, string exponent) = Parts(value, usesExponent, Precision);
        return usesExponent
            ? $"{whole.PadLeft(left)}.{fraction.PadRight(right, '0')}e{exponent[0]}{exponent[1..].PadLeft(exponentDigits, '0')}"
            : $"{whole.PadLeft(left)}.{fraction.PadRight(right)}";
    }

    /// <summary>A number by itself: all digits that it takes to read it back, with an exponent below 1e-4 and from 1e16 on.</summary>
    public static string Scalar(T value)
    {
        if (!T.IsFinite(value))
        {
            return NotFinite(value);
        }
        double size = Math.Abs(double.CreateChecked(value));
        bool usesExponent = size != 0 && (size < 1e-4 || size >= 1e16);
        (string whole, string fraction, string exponent) = Parts(value, usesExponent, int.MaxValue);
        return usesExponent
            ? $"{whole}{(fraction.Length > 0 ? "." : "")}{fraction}e{exponent}"
            : $"{whole}.{(fraction.Length > 0 ? fraction : "0")}";
    }

    private static string NotFinite(T value) => T.IsNaN(value) ? "nan" : T.IsNegative(value) ? "-inf" : "inf";

    /// <summary>
    /// A finite number in pieces, such as "-1", "25" and "+04": the shortest digits that are exact in T, or rounded to the precision.
    /// </summary>
    private static (string Whole, string Fraction, string Exponent) Parts(T value, bool usesExponent, int precision)
    {
        (string digits, int point) = ShortestDigits(value);
        string sign = T.IsNegative(value) ? "-" : "";
        if (usesExponent)
        {
            if (digits.Length - 1 > precision)
            {
                // Rounding may carry into the exponent (9.9999 to 10), so both are read from the rounded text.
                string rounded = T.Abs(value).ToString($"E{precision}", CultureInfo.InvariantCulture);
                int e = rounded.IndexOf('E', StringComparison.Ordinal);
                digits = rounded[..e].Replace(".", "", StringComparison.Ordinal).TrimEnd('0');
                point = int.Parse(rounded[(e + 1)..], CultureInfo.InvariantCulture) + 1;
            }
            int exponent = T.IsZero(value) ? 0 : point - 1;
            return (sign + digits[..1], digits[1..], $"{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }
        if (digits.Length - point > precision)
        {
            string[] rounded = T.Abs(value).ToString($"F{precision}", CultureInfo.InvariantCulture).Split('.');
            return (sign + rounded[0], rounded[1].TrimEnd('0'), "");
        }
        string padded = digits.PadRight(Math.Max(point, 0), '0').PadLeft(digits.Length + Math.Max(0, 1 - point), '0');
        int wholeDigits = Math.Max(point, 1);
        return (sign + padded[..wholeDigits], padded[wholeDigits..].TrimEnd('0'), "");
    }

    /// <summary>
    /// The digits d1 d2 ... of |value| = 0.d1 d2 ... times 10^Point: the fewest that read back as the same T. Zero is "0" with Point 1.
    /// </summary>
    private static (string Digits, int Point) ShortestDigits(T value)
    {
        string text = T.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        int e = text.IndexOf('E', StringComparison.Ordinal);
        int exponent = e < 0 ? 0 : int.Parse(text[(e + 1)..], CultureInfo.InvariantCulture);
        string mantissa = e < 0 ? text : text[..e];
        int dot = mantissa.IndexOf('.', StringComparison.Ordinal);
        string all = mantissa.Replace(".", "", StringComparison.Ordinal), significant = all.TrimStart('0');
        int point = (dot < 0 ? all.Length : dot) + exponent - (all.Length - significant.Length);
        significant = significant.TrimEnd('0');
        return significant.Length == 0 ? ("0", 1) : (significant, point);
    }
}
