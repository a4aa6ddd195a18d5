using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = |x|. dx = sign(x) dy, and 0 at the kink x = 0 (a subgradient, as libtorch's). Saves x.
/// </summary>
public static class AbsExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The absolute value of every element.</summary>
        [GradCheck("3x5", AwayFromZero = 0.1)]
        public Tensor<T> Abs() => x.Map(default(AbsOp<T>));
    }
}

internal readonly struct AbsOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Abs(x);

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero);
        return V.SelectGreater(x, zero, dy, V.SelectGreater(zero, x, -dy, zero));
    }
}
