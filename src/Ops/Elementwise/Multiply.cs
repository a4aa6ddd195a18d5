using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>y = a b, element by element, broadcast. da = b dy and db = a dy, by the product rule. Reads both operands again.</summary>
public static class MultiplyExtensions
{
    extension<T>(Tensor<T>)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The product, element by element, of operands that broadcast.</summary>
        /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
        [GradCheck("3x5", "3x5")]
        [GradCheck("2x1x5", "3x1")]
        [GradCheck("4x5", "")]
        public static Tensor<T> operator *(Tensor<T> a, Tensor<T> b) => a.Zip(b, default(MultiplyOp<T>));

        /// <summary>Every element times a constant.</summary>
        public static Tensor<T> operator *(Tensor<T> x, T factor) => x.Map(new ScaleOp<T>(factor));

        /// <summary>A constant times every element.</summary>
        public static Tensor<T> operator *(T factor, Tensor<T> x) => x.Map(new ScaleOp<T>(factor));
    }

    [GradCheck("3x5")]
    private static Tensor<T> MultiplyByConstant<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x * T.CreateTruncating(1.5);

    [GradCheck("3x5")]
    private static Tensor<T> MultiplyConstantBy<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => T.CreateTruncating(-2.5) * x;

    [GradCheck("3x5")]
    private static Tensor<T> MultiplyByItself<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x * x;
}

internal readonly struct MultiplyOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V a, V b)
        where V : struct, IReal<V, T> => a * b;

    public (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T> => (b * dy, a * dy);
}

/// <summary>y = c x for a constant c: dx = c dy.</summary>
internal readonly struct ScaleOp<T>(T factor) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Nothing;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Splat(factor) * x;

    public V Vjp<V>(V unused, V dy)
        where V : struct, IReal<V, T> => V.Splat(factor) * dy;
}
