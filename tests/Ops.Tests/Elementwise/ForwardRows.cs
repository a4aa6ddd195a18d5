using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Tests.Elementwise;

/// <summary>A function of one number: the op, its oracle, where to compare them and how closely.</summary>
/// <param name="Name">Names the row in test results.</param>
/// <param name="Oracle">The function in double.</param>
/// <param name="Floats">The op on float tensors.</param>
/// <param name="Doubles">The op on double tensors.</param>
/// <param name="Low">The smallest input.</param>
/// <param name="High">The largest input.</param>
/// <param name="Ulps">The error allowed, in units in the last place of the result.</param>
/// <param name="Scale">The number whose unit in the last place counts, where it is not the result.</param>
public sealed record ForwardRow(
    string Name, Func<double, double> Oracle, Func<Tensor<float>, Tensor<float>> Floats, Func<Tensor<double>, Tensor<double>> Doubles,
    double Low, double High, double Ulps, Func<double, double>? Scale = null)
{
    public Tensor<T> Apply<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => typeof(T) == typeof(float)
            ? ((Func<Tensor<T>, Tensor<T>>)(object)Floats)(x)
            : ((Func<Tensor<T>, Tensor<T>>)(object)Doubles)(x);
}

/// <summary>The table of forward oracles. Both types share an allowance: in double it covers the oracle's own rounding as well.</summary>
public static class ForwardRows
{
    public static IReadOnlyList<ForwardRow> All { get; } =
    [
        new("negate", x => -x, x => -x, x => -x, -9, 9, 0),
        new("x + 1.5", x => x + 1.5, x => x + 1.5f, x => x + 1.5, -9, 9, 0),
        new("1.5 - x", x => 1.5 - x, x => 1.5f - x, x => 1.5 - x, -9, 9, 0),
        new("x - 1.5", x => x - 1.5, x => x - 1.5f, x => x - 1.5, -9, 9, 0),
        new("1.5 x", x => 1.5 * x, x => 1.5f * x, x => 1.5 * x, -9, 9, 0),
        new("x / 3", x => x / 3, x => x / 3f, x => x / 3, -9, 9, 0),
        new("3 / x", x => 3 / x, x => 3f / x, x => 3 / x, -9, 9, 0),
        new("abs", Math.Abs, x => x.Abs(), x => x.Abs(), -9, 9, 0),
        new("sqrt", Math.Sqrt, x => x.Sqrt(), x => x.Sqrt(), 0, 9e9, 0.51),
        new("exp", Math.Exp, x => x.Exp(), x => x.Exp(), -87, 88, 2),
        new("exp of any size", Math.Exp, x => x.Exp(), x => x.Exp(), -745, 709, 2),
        new("exp(x) - 1", Oracles.ExpM1, x => x.Map(default(ExpM1Formula<float>)), x => x.Map(default(ExpM1Formula<double>)), -40, 80, 4),
        new("log", Math.Log, x => x.Log(), x => x.Log(), 0, 40, 2),
        new("log of huge numbers", Math.Log, x => x.Log(), x => x.Log(), 0, 1e38, 2),
        new("log(1 + x)", Oracles.Log1P, x => x.Map(default(Log1PFormula<float>)), x => x.Map(default(Log1PFormula<double>)), -1, 40, 4),
        new("tanh", Math.Tanh, x => x.Tanh(), x => x.Tanh(), -12, 12, 4),
        new("erf", Oracles.Erf, x => x.Map(default(ErfFormula<float>)), x => x.Map(default(ErfFormula<double>)), -7, 7, 3),
        new("sigmoid", Oracles.Sigmoid, x => x.Sigmoid(), x => x.Sigmoid(), -40, 40, 4),
        new("softplus", Oracles.Softplus, x => x.Softplus(), x => x.Softplus(), -40, 40, 4),
        new("silu", x => x / (1 + Math.Exp(-x)), x => x.Silu(), x => x.Silu(), -40, 40, 4),
        new("relu", x => Math.Max(x, 0), x => x.Relu(), x => x.Relu(), -9, 9, 0),
        new("leaky relu", x => x > 0 ? x : 0.01 * x, x => x.LeakyRelu(), x => x.LeakyRelu(), -9, 9, 1),
        new("elu", x => x > 0 ? x : Oracles.ExpM1(x), x => x.Elu(), x => x.Elu(), -30, 9, 4),
        new("elu of alpha 0.7", x => x > 0 ? x : 0.7 * Oracles.ExpM1(x), x => x.Elu(0.7), x => x.Elu(0.7), -30, 9, 4),
        new("gelu", x => x * (1 + Oracles.Erf(x / Math.Sqrt(2))) / 2, x => x.Gelu(), x => x.Gelu(), -9, 9, 2, OfTail),
        new("gelu by tanh", GeluTanh, x => x.GeluTanh(), x => x.GeluTanh(), -9, 9, 3, OfTail),
        new("clip", x => double.IsNaN(x) ? x : Math.Clamp(x, -0.5, 2), x => x.Clip(-0.5f, 2), x => x.Clip(-0.5, 2), -9, 9, 0),
        new("x^0", x => 1, x => x.Power(0), x => x.Power(0), -9, 9, 0),
        new("x^1", x => x, x => x.Power(1), x => x.Power(1), -9, 9, 0),
        new("x^2", x => x * x, x => x.Power(2), x => x.Power(2), -9, 9, 0),
        new("x^3", x => Math.Pow(x, 3), x => x.Power(3), x => x.Power(3), -9, 9, 2),
        new("x^-3", x => Math.Pow(x, -3), x => x.Power(-3), x => x.Power(-3), -9, 9, 3),
        new("x^10", x => Math.Pow(x, 10), x => x.Power(10), x => x.Power(10), -9, 9, 6),
        new("|x|^1.5", x => Pow(x, 1.5), x => x.Abs().Power(1.5), x => x.Abs().Power(1.5), 0.1, 100, 2, x => OfPower(x, 1.5)),
        new("|x|^-0.5", x => Pow(x, -0.5), x => x.Abs().Power(-0.5), x => x.Abs().Power(-0.5), 0.01, 100, 2, x => OfPower(x, -0.5)),
    ];

    /// <summary>x P(x) with a distribution P that is accurate next to 1, not relative to its lower tail.</summary>
    private static double OfTail(double x) => x;

    /// <summary>e^(p log x) is off by the rounding of p log x, which counts in full.</summary>
    private static double OfPower(double x, double p) => Pow(x, p) * Math.Max(1, Math.Abs(p * Math.Log(Math.Abs(x))));

    private static double Pow(double x, double p) => Math.Pow(Math.Abs(x), p);

    private static double GeluTanh(double x) => x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))) / 2;

    private readonly struct ExpM1Formula<T> : IUnaryOp<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static Saves Saves => Saves.Nothing;

        public V Forward<V>(V x)
            where V : struct, IReal<V, T> => V.ExpM1(x);

        public V Vjp<V>(V saved, V dy)
            where V : struct, IReal<V, T> => throw new NotSupportedException();
    }

    private readonly struct Log1PFormula<T> : IUnaryOp<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static Saves Saves => Saves.Nothing;

        public V Forward<V>(V x)
            where V : struct, IReal<V, T> => V.Log1P(x);

        public V Vjp<V>(V saved, V dy)
            where V : struct, IReal<V, T> => throw new NotSupportedException();
    }

    private readonly struct ErfFormula<T> : IUnaryOp<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static Saves Saves => Saves.Nothing;

        public V Forward<V>(V x)
            where V : struct, IReal<V, T> => V.Erf(x);

        public V Vjp<V>(V saved, V dy)
            where V : struct, IReal<V, T> => throw new NotSupportedException();
    }
}
