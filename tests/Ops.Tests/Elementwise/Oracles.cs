namespace MiniGrad.Ops.Tests.Elementwise;

/// <summary>Mathematical functions of one number from System.Math and series, written without the product's formulas.</summary>
internal static class Oracles
{
    /// <summary>e^x - 1 = 2 sinh(x/2) e^(x/2).</summary>
    public static double ExpM1(double x) => x < -50 ? -1 : x > 50 ? Math.Exp(x) : 2 * Math.Sinh(x / 2) * Math.Exp(x / 2);

    /// <summary>log(1 + x) = 2 artanh(x / (2 + x)) near zero.</summary>
    public static double Log1P(double x) => Math.Abs(x) > 0.5 ? Math.Log(1 + x) : 2 * Math.Atanh(x / (2 + x));

    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    public static double Softplus(double x) => Math.Max(x, 0) + Log1P(Math.Exp(-Math.Abs(x)));

    /// <summary>
    /// 2/sqrt(pi) e^(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...), with 28 decimal digits; e^(x^2) by its series as well. All terms are
    /// positive.
    /// </summary>
    public static double Erf(double x)
    {
        if (!(Math.Abs(x) < 6))
        {
            return double.IsNaN(x) ? x : Math.Sign(x);
        }
        if (Math.Abs(x) < 1e-9)
        {
            return x * 1.1283791670955126;
        }
        decimal size = Exact(Math.Abs(x)), square = size * size, term = size, sum = term, power = 1, exponential = 1;
        for (int n = 1; n < 300; n++)
        {
            term = term * 2 * square / ((2 * n) + 1);
            sum += term;
            power = power * square / n;
            exponential += power;
        }
        return Math.Sign(x) * (double)(1.1283791670955125738961589031215m * (sum / exponential));
    }

    /// <summary>x as a decimal; the framework's conversion keeps 15 digits only.</summary>
    private static decimal Exact(double x)
    {
        decimal high = (decimal)x;
        return high + (decimal)(x - (double)high);
    }
}
