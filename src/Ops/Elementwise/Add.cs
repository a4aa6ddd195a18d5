using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>y = a + b, broadcast. da = dy and db = dy: a sum passes the gradient on unchanged. Nothing is saved.</summary>
public static class AddExtensions
{
    extension<T>(Tensor<T>)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The sum, element by element, of operands that broadcast.</summary>
        /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
        [GradCheck("3x5", "3x5")]
        [GradCheck("2x1x5", "3x1")]
        [GradCheck("4x5", "5")]
        [GradCheck("", "4x5")]
        public static Tensor<T> operator +(Tensor<T> a, Tensor<T> b) => a.Zip(b, default(AddOp<T>));

        /// <summary>The sum of every element and a constant.</summary>
        public static Tensor<T> operator +(Tensor<T> x, T term) => x.Map(new ShiftOp<T>(term));

        /// <summary>The sum of a constant and every element.</summary>
        public static Tensor<T> operator +(T term, Tensor<T> x) => x.Map(new ShiftOp<T>(term));
    }

    [GradCheck("3x5")]
    private static Tensor<T> AddConstantOnTheRight<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x + T.CreateTruncating(1.5);

    [GradCheck("3x5")]
    private static Tensor<T> AddConstantOnTheLeft<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => T.CreateTruncating(1.5) + x;
}

internal readonly struct AddOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool VjpReadsOperands => false;

    public V Forward<V>(V a, V b)
        where V : struct, IReal<V, T> => a + b;

    public (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T> => (dy, dy);
}

/// <summary>y = x + c for a constant c: dx = dy.</summary>
internal readonly struct ShiftOp<T>(T term) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Nothing;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => x + V.Splat(term);

    public V Vjp<V>(V unused, V dy)
        where V : struct, IReal<V, T> => dy;
}
