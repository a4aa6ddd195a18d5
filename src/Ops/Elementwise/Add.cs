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
        public static Tensor<T> operator +(Tensor<T> a, Tensor<T> b) => a.Zip(b, default(AddOp<T>));
    }
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
