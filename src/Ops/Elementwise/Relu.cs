using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = max(x, 0). dx = dy where x &gt; 0, else 0 (also at the kink, as libtorch). Saves y, which is positive where x is.
/// </summary>
public static class ReluExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Every element if it is positive, else 0; NaN stays.</summary>
        [GradCheck("3x5", AwayFromZero = 0.1)]
        public Tensor<T> Relu() => x.Map(default(ReluOp<T>));
    }
}

internal readonly struct ReluOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Output;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Max(x, V.Splat(T.Zero));

    public V Vjp<V>(V y, V dy)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero);
        return V.SelectGreater(y, zero, dy, zero);
    }
}
