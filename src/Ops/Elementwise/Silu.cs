using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = x s(x) with the logistic function s (also called swish). dx = s (1 + x (1 - s)) dy, by the product rule and s' = s (1 - s). Saves x.
/// </summary>
public static class SiluExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>x / (1 + e^-x), element by element.</summary>
        [GradCheck("3x5", Low = -3, High = 3)]
        public Tensor<T> Silu() => x.Map(default(SiluOp<T>));
    }
}

internal readonly struct SiluOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => x * SigmoidOp<T>.Value(x);

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T>
    {
        V s = SigmoidOp<T>.Value(x), one = V.Splat(T.One);
        return s * V.MultiplyAdd(x, one - s, one) * dy;
    }
}
