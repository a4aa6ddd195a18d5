using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = a / b, broadcast. da = dy / b and db = -a dy / b^2 = -(a / b) da, by the quotient rule. Reads both operands again.
/// </summary>
public static class DivideExtensions
{
    extension<T>(Tensor<T>)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The quotient, element by element, of operands that broadcast.</summary>
        /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
        [GradCheck("3x5", "3x5", Low = -2, High = 2, AwayFromZero = 0.5)]
        [GradCheck("3x1", "2x1x5", Low = 0.5, High = 2)]
        public static Tensor<T> operator /(Tensor<T> a, Tensor<T> b) => a.Zip(b, default(DivideOp<T>));

        /// <summary>Every element divided by a constant.</summary>
        public static Tensor<T> operator /(Tensor<T> x, T divisor) => x.Map(new DivideByOp<T>(divisor));

        /// <summary>A constant divided by every element.</summary>
        public static Tensor<T> operator /(T dividend, Tensor<T> x) => x.Map(new ReciprocalOp<T>(dividend));
    }

    [GradCheck("3x5")]
    private static Tensor<T> DivideByConstant<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x / T.CreateTruncating(1.5);

    [GradCheck("3x5", Low = -2, High = 2, AwayFromZero = 0.5)]
    private static Tensor<T> DivideConstantBy<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => T.CreateTruncating(1.5) / x;
}

internal readonly struct DivideOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V a, V b)
        where V : struct, IReal<V, T> => a / b;

    public (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T>
    {
        V da = dy / b;
        return (da, -(a / b) * da);
    }
}

/// <summary>y = x / c for a constant c, not multiplied by 1 / c, which would round twice: dx = dy / c.</summary>
internal readonly struct DivideByOp<T>(T divisor) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Nothing;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => x / V.Splat(divisor);

    public V Vjp<V>(V unused, V dy)
        where V : struct, IReal<V, T> => dy / V.Splat(divisor);
}

/// <summary>y = c / x for a constant c: dx = -c dy / x^2. Saves x.</summary>
internal readonly struct ReciprocalOp<T>(T dividend) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Splat(dividend) / x;

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T> => -(V.Splat(dividend) / x) * (dy / x);
}
