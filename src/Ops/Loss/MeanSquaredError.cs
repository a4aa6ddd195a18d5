using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>loss = the mean of d^2, d = prediction - target. The derivative of d^2 is 2 d; the target's is the opposite.</summary>
public static class MeanSquaredErrorExtensions
{
    extension<T>(Tensor<T> prediction)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The mean squared difference.</summary>
        /// <param name="target">What was to be predicted, of the same shape.</param>
        /// <exception cref="ArgumentException">The shapes differ.</exception>
        [GradCheck("3x5", "3x5")]
        public Tensor<T> MeanSquaredError(Tensor<T> target) =>
            MeanLoss.Of("MeanSquaredError", prediction, target, default(SquaredErrorOp<T>));
    }
}

internal readonly struct SquaredErrorOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V prediction, V target)
        where V : struct, IReal<V, T>
    {
        V d = prediction - target;
        return d * d;
    }

    public (V Da, V Db) Vjp<V>(V prediction, V target, V dy)
        where V : struct, IReal<V, T>
    {
        V d = prediction - target, g = (d + d) * dy;
        return (g, -g);
    }
}
