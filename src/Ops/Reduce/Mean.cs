using System.Numerics;

namespace MiniGrad.Ops;

/// <summary>
/// y = the mean of x over some axes: a sum of n elements times 1/n. dx repeats dy / n along those axes. Nothing is saved.
/// </summary>
public static class MeanExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The mean over <paramref name="axes"/> (all of them if none is named); negative axes count from the end.</summary>
        /// <param name="axes">The axes to average over.</param>
        /// <returns>A tensor without the averaged axes.</returns>
        /// <exception cref="ArgumentException">There is no such axis, or one is named twice.</exception>
        [GradCheck("3x5")]
        public Tensor<T> Mean(params ReadOnlySpan<int> axes) => x.Mean(axes, keepDims: false);

        /// <inheritdoc cref="Mean{T}(Tensor{T}, ReadOnlySpan{int})"/>
        /// <param name="axes">The axes to average over.</param>
        /// <param name="keepDims">Whether averaged axes stay, with extent 1, so that the result broadcasts against x.</param>
        /// <returns>A tensor without the averaged axes, or with them as extents of 1.</returns>
        public Tensor<T> Mean(ReadOnlySpan<int> axes, bool keepDims)
        {
            ReducedShape reduced = new("Mean", Operands.ShapeOf("Mean", x), axes);
            return x.ScaledSum(reduced, keepDims, T.One / T.CreateChecked(reduced.Count));
        }
    }

    [GradCheck("2x3x4x5")]
    private static Tensor<T> MeanOverInnerAndOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Mean(1, -1);

    [GradCheck("3x5")]
    private static Tensor<T> MeanKeepsDims<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x * x.Mean([0], keepDims: true);
}
