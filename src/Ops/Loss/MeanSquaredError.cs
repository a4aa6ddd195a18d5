using System.Numerics;

namespace MiniGrad.Ops;

/// <summary>
/// loss = the mean of d^2, d = prediction - target. The derivative of d^2 is 2 d; the target's is the opposite. The formula is variance's,
/// <see cref="SquaredDifferenceOp{T}"/>.
/// </summary>
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
            MeanLoss.Of("MeanSquaredError", prediction, target, default(SquaredDifferenceOp<T>));
    }
}
