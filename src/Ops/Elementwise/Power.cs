using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = x^p for a constant p, or y = a^b of two tensors. dx = p x^(p-1) dy; da = b a^(b-1) dy and db = a^b log(a) dy, from a^b = e^(b log
/// a). Saves x; reads both operands again.
/// </summary>
/// <remarks>
/// An integer p is computed by repeated squaring: right for every sign of x, x^2 = x x to the last bit, and an error of about |p| / 2 units
/// in the last place beyond. Other exponents go through e^(p log x): bases below 0 give NaN.
/// </remarks>
public static class PowerExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Every element to the power of a constant. Unless it is an integer, elements are to be positive.</summary>
        public Tensor<T> Power(double exponent) => double.IsInteger(exponent) && Math.Abs(exponent) < int.MaxValue
            ? x.Map(new IntegerPowerOp<T>((int)exponent))
            : x.Map(new PowerOp<T>(T.CreateTruncating(exponent)));

        /// <summary>Elements to the power of elements, for operands that broadcast. The base is to be positive.</summary>
        /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
        [GradCheck("3x5", "3x5", Low = 0.5, High = 2)]
        [GradCheck("2x1x5", "3x1", Low = 0.5, High = 2)]
        public Tensor<T> Power(Tensor<T> exponent) => x.Zip(exponent, default(PowerOfOp<T>));
    }

    [GradCheck("3x5", AwayFromZero = 0.3)]
    private static Tensor<T> PowerMinus3<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Power(-3);

    [GradCheck("3x5")]
    private static Tensor<T> Power0<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Power(0);

    [GradCheck("3x5")]
    private static Tensor<T> Power5<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Power(5);

    [GradCheck("3x5", Low = 0.3, High = 3)]
    private static Tensor<T> PowerOneAndAHalf<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Power(1.5);
}

internal readonly struct IntegerPowerOp<T>(int exponent) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => Power(x, exponent);

    // x^0 is 1 everywhere, also at 0: its slope is not 0 x^-1.
    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T> =>
        exponent == 0 ? V.Splat(T.Zero) * dy : V.Splat(T.CreateTruncating(exponent)) * Power(x, exponent - 1) * dy;

    /// <summary>x^n = (x^2)^(n/2), times x for odd n; 1 / x^|n| for n below 0.</summary>
    private static V Power<V>(V x, int n)
        where V : struct, IReal<V, T>
    {
        V one = V.Splat(T.One), square = x, result = one;
        for (int rest = Math.Abs(n); rest > 0; rest >>= 1)
        {
            result = (rest & 1) != 0 ? result * square : result;
            square *= square;
        }
        return n < 0 ? one / result : result;
    }
}

internal readonly struct PowerOp<T>(T exponent) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Exp(V.Splat(exponent) * V.Log(x));

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T> => V.Splat(exponent) * V.Exp(V.Splat(exponent - T.One) * V.Log(x)) * dy;
}

internal readonly struct PowerOfOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V a, V b)
        where V : struct, IReal<V, T> => V.Exp(b * V.Log(a));

    public (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T>
    {
        V log = V.Log(a), u = V.Exp(b * log) * dy;
        return (b / a * u, log * u);
    }
}
