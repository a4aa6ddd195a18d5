using System.Numerics;

namespace MiniGrad.Ops;

/// <summary>
/// Group normalization of every row: layer normalization of each of G equal groups of its D features, then one gain and bias per feature.
/// The kernels, and the derivation of backward, are those of <see cref="LayerNormExtensions"/>, with mean and rstd per group.
/// </summary>
public static class GroupNormExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>
        /// Normalizes each group of D / <paramref name="groups"/> neighbouring features of a row to mean 0 and variance 1.
        /// </summary>
        /// <param name="groups">G, a divisor of D. 1 is layer normalization.</param>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="bias">(D,), added last.</param>
        /// <param name="epsilon">Added to the variance, inside the root.</param>
        /// <exception cref="ArgumentException">
        /// G does not divide D, or G is D: a group of one feature has no spread, and every output would be the bias. Or gain or bias has
        /// another shape than (D,).
        /// </exception>
        public Tensor<T> GroupNorm(int groups, Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5)
        {
            Operands.TapeOf("GroupNorm", x, gain, bias);
            int columns = x.Shape[-1];
            if (groups < 1 || columns % groups != 0)
            {
                throw new ArgumentException(
                    $"GroupNorm: the {columns} features of shape {x.Shape} do not fall into {groups} equal groups; " +
                    $"choose a divisor of {columns}.");
            }
            if (groups == columns)
            {
                throw new ArgumentException(
                    $"GroupNorm: {groups} groups of the {columns} features of shape {x.Shape} have one feature each, " +
                    "which leaves only the bias; choose fewer groups.");
            }
            return LayerNormNode<T>.Apply("GroupNorm", [x, gain, bias], groups, epsilon, DetachedStatistics.None);
        }
    }

    [GradCheck("3x12", "12", "12")]
    private static Tensor<T> FourGroups<T>(Tensor<T> x, Tensor<T> gain, Tensor<T> bias)
        where T : unmanaged, IFloatingPointIeee754<T> => x.GroupNorm(4, gain, bias);
}
