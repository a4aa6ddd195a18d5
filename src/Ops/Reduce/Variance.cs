using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = sum (x - mean)^2 / (n - correction) over some axes, in two passes, so that no digits cancel.
/// dx = 2 (x - mean) dy / (n - correction): the mean moves with x as well, but deviations sum to 0, which removes that term. Saves the
/// mean.
/// </summary>
public static class VarianceExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>
        /// The biased variance (divided by n) over <paramref name="axes"/> (all of them if none is named); negative axes count from the
        /// end.
        /// </summary>
        /// <param name="axes">The axes to take the variance over.</param>
        /// <returns>A tensor without these axes.</returns>
        /// <exception cref="ArgumentException">There is no such axis, or one is named twice.</exception>
        [GradCheck("3x5")]
        public Tensor<T> Variance(params ReadOnlySpan<int> axes) => x.Variance(axes, correction: 0);

        /// <summary>
        /// The variance over <paramref name="axes"/> (all of them if none is named), divided by n - <paramref name="correction"/>.
        /// </summary>
        /// <param name="axes">The axes to take the variance over; negative ones count from the end.</param>
        /// <param name="correction">Taken off the number of elements: 1 gives the unbiased estimate from a sample.</param>
        /// <param name="keepDims">Whether these axes stay, with extent 1, so that the result broadcasts against x.</param>
        /// <returns>A tensor without these axes, or with them as extents of 1.</returns>
        /// <exception cref="ArgumentException">There is no such axis, one is named twice, or there are not more elements than the
        /// correction.</exception>
        public Tensor<T> Variance(ReadOnlySpan<int> axes, int correction, bool keepDims = false)
        {
            ReducedShape reduced = new("Variance", Operands.ShapeOf("Variance", x), axes);
            if (reduced.Count <= correction)
            {
                throw new ArgumentException(
                    $"Variance: {reduced.Count} element(s) of shape {x.Shape} with correction {correction} leave nothing to divide by; " +
                    "use correction 0 or other axes.");
            }
            Tape<T> tape = Operands.TapeOf("Variance", x);
            IBackend<T> backend = tape.Backend;
            T one = T.One, scale = one / T.CreateChecked(reduced.Count - correction);
            Tensor<T> y = tape.NewResult(reduced.Result(keepDims), x.NeedsGradient);
            DeviceBuffer<T> mean = tape.Rent<T>(y.Shape.ElementCount);
            backend.ReduceTo(x.Value, x.Shape, mean, reduced.Kept, default(SumReduction<T>), one / T.CreateChecked(reduced.Count), false);
            using (Scratch<T> squares = backend.Pool.RentScratch<T>(x.Shape.ElementCount))
            {
                backend.Zip(
                    default(SquaredDifferenceOp<T>), new ZipOperands<T>(x.Value, x.Shape, mean, reduced.Kept, x.Shape), squares.Buffer);
                backend.ReduceTo(squares.Buffer, x.Shape, y.Value, reduced.Kept, default(SumReduction<T>), scale, false);
            }
            if (y.NeedsGradient)
            {
                VarianceNode<T> node = tape.Record<VarianceNode<T>>(y, x);
                (node.Mean, node.Kept, node.Scale) = (mean, reduced.Kept, scale);
            }
            return y;
        }
    }

    [GradCheck("2x3x4x5")]
    private static Tensor<T> VarianceOverInnerAndOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Variance(0, 2);

    [GradCheck("3x5")]
    private static Tensor<T> UnbiasedVarianceKeepsDims<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x * x.Variance([-1], correction: 1, keepDims: true);
}

internal sealed class VarianceNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public DeviceBuffer<T> Mean { get; set; }

    public Shape Kept { get; set; }

    public T Scale { get; set; }

    public override string Op => "Variance";

    public override void Backward(IBackend<T> backend) =>
        backend.WriteReductionVjp(default(SquaredDifferenceOp<T>), Inputs[0], Mean, Output.Gradient, Kept, Scale);
}

/// <summary>y = (a - b)^2: da = 2 (a - b) dy = -db.</summary>
internal readonly struct SquaredDifferenceOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V a, V b)
        where V : struct, IReal<V, T>
    {
        V d = a - b;
        return d * d;
    }

    public (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T>
    {
        V d = a - b, da = (d + d) * dy;
        return (da, -da);
    }
}
