using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// loss = the mean of h(d), d = prediction - target (Huber 1964): d^2/2 up to |d| = delta, from there on the tangent delta (|d| - delta/2).
/// With c = d clipped to [-delta, delta], both branches are
/// <code>
/// h(d) = c (d - c/2)      h'(d) = c
/// </code>
/// The target's derivative is the opposite.
/// </summary>
public static class HuberLossExtensions
{
    extension<T>(Tensor<T> prediction)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The mean of half the squared difference, growing only linearly beyond <paramref name="delta"/>.</summary>
        /// <param name="target">What was to be predicted, of the same shape.</param>
        /// <param name="delta">From which difference on outliers count linearly; above 0.</param>
        /// <exception cref="ArgumentException">The shapes differ.</exception>
        /// <exception cref="ArgumentOutOfRangeException"><paramref name="delta"/> is not above 0.</exception>
        [GradCheck("3x5", "3x5", Low = -0.45, High = 0.45)]
        public Tensor<T> HuberLoss(Tensor<T> target, double delta = 1) =>
            delta > 0
                ? MeanLoss.Of("HuberLoss", prediction, target, new HuberOp<T>(T.CreateTruncating(delta)))
                : throw new ArgumentOutOfRangeException(
                    nameof(delta), delta, "HuberLoss: delta is where the loss becomes linear; it must be above 0.");
    }

    // Differences of 0.2 to 1, all beyond delta.
    [GradCheck("3x5", AwayFromZero = 0.2)]
    private static Tensor<T> HuberLossOfOutliers<T>(Tensor<T> d)
        where T : unmanaged, IFloatingPointIeee754<T> => (d + d).HuberLoss(d, delta: 0.1);
}

internal readonly struct HuberOp<T>(T delta) : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V prediction, V target)
        where V : struct, IReal<V, T>
    {
        V d = prediction - target, c = Clip(d);
        return c * (d - (V.Splat(T.One / (T.One + T.One)) * c));
    }

    public (V Da, V Db) Vjp<V>(V prediction, V target, V dy)
        where V : struct, IReal<V, T>
    {
        V g = Clip(prediction - target) * dy;
        return (g, -g);
    }

    private V Clip<V>(V d)
        where V : struct, IReal<V, T> => V.Max(V.Splat(-delta), V.Min(V.Splat(delta), d));
}
