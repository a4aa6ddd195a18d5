using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = tanh x. dx = (1 - y^2) dy, from tanh' = 1 - tanh^2. Saves y, of which the derivative is a polynomial.
/// </summary>
public static class TanhExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The hyperbolic tangent, element by element.</summary>
        [GradCheck("3x5", Low = -2, High = 2)]
        public Tensor<T> Tanh() => x.Map(default(TanhOp<T>));
    }
}

internal readonly struct TanhOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Output;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Tanh(x);

    public V Vjp<V>(V y, V dy)
        where V : struct, IReal<V, T> => (V.Splat(T.One) - (y * y)) * dy;
}
