using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = sqrt x. dx = dy / (2 y), from y^2 = x. Saves y, which spares a root; at x = 0 the slope is infinite.
/// </summary>
public static class SqrtExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The square root of every element; NaN below 0.</summary>
        [GradCheck("3x5", Low = 0.3, High = 3)]
        public Tensor<T> Sqrt() => x.Map(default(SqrtOp<T>));
    }
}

internal readonly struct SqrtOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Output;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Sqrt(x);

    public V Vjp<V>(V y, V dy)
        where V : struct, IReal<V, T> => V.Splat(T.CreateTruncating(0.5)) * dy / y;
}
