using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = e^x. dx = y dy, from exp' = exp. Saves y, which is the derivative.
/// </summary>
public static class ExpExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>e to the power of every element.</summary>
        [GradCheck("3x5", Low = -2, High = 2)]
        public Tensor<T> Exp() => x.Map(default(ExpOp<T>));
    }
}

internal readonly struct ExpOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Output;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Exp(x);

    public V Vjp<V>(V y, V dy)
        where V : struct, IReal<V, T> => y * dy;
}
