using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>y = a - b, broadcast. da = dy and db = -dy. Nothing is saved.</summary>
public static class SubtractExtensions
{
    extension<T>(Tensor<T>)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The difference, element by element, of operands that broadcast.</summary>
        /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
        [GradCheck("3x5", "3x5")]
        [GradCheck("3x1", "2x1x5")]
        public static Tensor<T> operator -(Tensor<T> a, Tensor<T> b) => a.Zip(b, default(SubtractOp<T>));

        /// <summary>Every element less a constant.</summary>
        public static Tensor<T> operator -(Tensor<T> x, T term) => x.Map(new ShiftOp<T>(-term));

        /// <summary>A constant less every element.</summary>
        public static Tensor<T> operator -(T minuend, Tensor<T> x) => x.Map(new SubtractFromOp<T>(minuend));
    }

    [GradCheck("3x5")]
    private static Tensor<T> SubtractConstant<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x - T.CreateTruncating(1.5);

    [GradCheck("3x5")]
    private static Tensor<T> SubtractFromConstant<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => T.CreateTruncating(1.5) - x;
}

internal readonly struct SubtractOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool VjpReadsOperands => false;

    public V Forward<V>(V a, V b)
        where V : struct, IReal<V, T> => a - b;

    public (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T> => (dy, -dy);
}

/// <summary>y = c - x for a constant c: dx = -dy.</summary>
internal readonly struct SubtractFromOp<T>(T minuend) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Nothing;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Splat(minuend) - x;

    public V Vjp<V>(V unused, V dy)
        where V : struct, IReal<V, T> => -dy;
}
