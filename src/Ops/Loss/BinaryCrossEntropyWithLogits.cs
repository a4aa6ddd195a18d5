using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// loss = the mean of -t log p - (1 - t) log(1 - p), p = sigmoid(x), t the target. In x itself nothing overflows or
/// cancels: with e = e^-|x|,
/// <code>
/// max(x, 0) - x t + log(1 + e)      d/dx = sigmoid(x) - t      d/dt = -x
/// </code>
/// for log p = -softplus(-x), log(1 - p) = -softplus(x) and softplus(x) = max(x, 0) + log(1 + e), whose derivative is the sigmoid.
/// </summary>
public static class BinaryCrossEntropyWithLogitsExtensions
{
    extension<T>(Tensor<T> logits)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The mean cross-entropy of independent yes-or-no predictions. Safe for logits of any size.</summary>
        /// <param name="target">The probability of yes for each logit, 0 to 1, of the same shape.</param>
        /// <exception cref="ArgumentException">The shapes differ.</exception>
        [GradCheck("3x5", "3x5", Low = 0.1, High = 0.9)]
        public Tensor<T> BinaryCrossEntropyWithLogits(Tensor<T> target) =>
            MeanLoss.Of("BinaryCrossEntropyWithLogits", logits, target, default(BinaryCrossEntropyOp<T>));
    }

    [GradCheck("3x5", Low = -4, High = 4, AwayFromZero = 0.01)]
    private static Tensor<T> BinaryCrossEntropyOfBothSigns<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.BinaryCrossEntropyWithLogits(x.Tanh());
}

internal readonly struct BinaryCrossEntropyOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V x, V target)
        where V : struct, IReal<V, T> =>
        V.Max(x, V.Splat(T.Zero)) - (x * target) + V.Log1P(ExpOfMinusAbs(x));

    public (V Da, V Db) Vjp<V>(V x, V target, V dy)
        where V : struct, IReal<V, T>
    {
        V one = V.Splat(T.One), e = ExpOfMinusAbs(x);
        V sigmoid = V.SelectGreater(x, V.Splat(T.Zero), one, e) / (one + e);
        return ((sigmoid - target) * dy, -x * dy);
    }

    // -|x| as a minimum: at 0 a dual number then follows x, the branch that the maximum and the selection above take there, and its tangent
    // is right. That of |x| itself would be 0.
    private static V ExpOfMinusAbs<V>(V x)
        where V : struct, IReal<V, T> => V.Exp(V.Min(-x, x));
}
