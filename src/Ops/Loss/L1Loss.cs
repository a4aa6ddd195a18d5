using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// loss = the mean of |d|, d = prediction - target. The derivative of |d| is the sign of d, taken as 0 at the kink d = 0; the target's is
/// the opposite.
/// </summary>
public static class L1LossExtensions
{
    extension<T>(Tensor<T> prediction)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The mean absolute difference.</summary>
        /// <param name="target">What was to be predicted, of the same shape.</param>
        /// <exception cref="ArgumentException">The shapes differ.</exception>
        public Tensor<T> L1Loss(Tensor<T> target) => MeanLoss.Of("L1Loss", prediction, target, default(AbsoluteErrorOp<T>));
    }

    [GradCheck("3x5", AwayFromZero = 0.1)]
    private static Tensor<T> L1LossOfDifference<T>(Tensor<T> d)
        where T : unmanaged, IFloatingPointIeee754<T> => (d + d).L1Loss(d);
}

internal readonly struct AbsoluteErrorOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V prediction, V target)
        where V : struct, IReal<V, T> => V.Abs(prediction - target);

    public (V Da, V Db) Vjp<V>(V prediction, V target, V dy)
        where V : struct, IReal<V, T>
    {
        V g = V.SelectGreater(prediction, target, dy, V.SelectGreater(target, prediction, -dy, V.Splat(T.Zero)));
        return (g, -g);
    }
}
