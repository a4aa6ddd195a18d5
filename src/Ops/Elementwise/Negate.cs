using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>y = -x. dx = -dy. Nothing is saved.</summary>
public static class NegateExtensions
{
    extension<T>(Tensor<T>)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Every element with its sign changed.</summary>
        [GradCheck("3x5")]
        public static Tensor<T> operator -(Tensor<T> x) => x.Map(default(NegateOp<T>));
    }
}

internal readonly struct NegateOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Nothing;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => -x;

    public V Vjp<V>(V unused, V dy)
        where V : struct, IReal<V, T> => -dy;
}
