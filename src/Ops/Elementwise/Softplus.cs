using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = log(1 + e^x), a smooth relu. dx = s(x) dy with the logistic function s, the derivative of log(1 + e^x). Saves x.
/// </summary>
/// <remarks>Computed as max(x, 0) + log(1 + e^-|x|), which neither overflows above nor loses the tail e^x below.</remarks>
public static class SoftplusExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>log(1 + e^x), element by element.</summary>
        [GradCheck("3x5", Low = -3, High = 3)]
        public Tensor<T> Softplus() => x.Map(default(SoftplusOp<T>));
    }
}

internal readonly struct SoftplusOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T>
    {
        // Selections instead of Max and Abs: at x = 0 both take the lower branch, so that dual numbers get the slope 1/2.
        V zero = V.Splat(T.Zero);
        return V.SelectGreater(x, zero, x, zero) + V.Log1P(V.Exp(V.SelectGreater(x, zero, -x, x)));
    }

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T> => SigmoidOp<T>.Value(x) * dy;
}
