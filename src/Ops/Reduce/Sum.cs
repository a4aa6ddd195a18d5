using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = the sum of x over some axes. Every summand contributes with factor 1, so dx repeats dy along those axes. Nothing is saved.
/// </summary>
public static class SumExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The sum over <paramref name="axes"/> (all of them if none is named); negative axes count from the end.</summary>
        /// <param name="axes">The axes to sum over.</param>
        /// <returns>A tensor without the summed axes.</returns>
        /// <exception cref="ArgumentException">There is no such axis, or one is named twice.</exception>
        [GradCheck("3x5")]
        public Tensor<T> Sum(params ReadOnlySpan<int> axes) => x.Sum(axes, keepDims: false);

        /// <inheritdoc cref="Sum{T}(Tensor{T}, ReadOnlySpan{int})"/>
        /// <param name="axes">The axes to sum over.</param>
        /// <param name="keepDims">Whether summed axes stay, with extent 1, so that the result broadcasts against x.</param>
        /// <returns>A tensor without the summed axes, or with them as extents of 1.</returns>
        public Tensor<T> Sum(ReadOnlySpan<int> axes, bool keepDims) =>
            x.ScaledSum(new ReducedShape("Sum", Operands.ShapeOf("Sum", x), axes), keepDims, T.One);

        internal Tensor<T> ScaledSum(ReducedShape reduced, bool keepDims, T scale)
        {
            Tape<T> tape = Operands.TapeOf("Sum", x);
            Tensor<T> y = tape.NewResult(reduced.Result(keepDims), x.NeedsGradient);
            tape.Backend.ReduceTo(x.Value, x.Shape, y.Value, reduced.Kept, default(SumReduction<T>), scale, accumulate: false);
            if (y.NeedsGradient)
            {
                SumNode<T> node = tape.Record<SumNode<T>>(y, x);
                (node.Kept, node.Scale) = (reduced.Kept, scale);
            }
            return y;
        }
    }

    [GradCheck("2x3x4x5")]
    private static Tensor<T> SumOverInnerAndOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Sum(0, 2);

    [GradCheck("3x5")]
    private static Tensor<T> SumKeepsDims<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x * x.Sum([-1], keepDims: true);
}

/// <summary>y = scale sum(x): dx = scale dy, repeated.</summary>
internal sealed class SumNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public Shape Kept { get; set; }

    public T Scale { get; set; }

    public override string Op => "Sum";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0];
        GradientSink<T> dx = x.GradientSink();
        Strides repeating = Strides.RowMajor(Kept);
        backend.Copy(new CopyCall<T>(Output.Gradient, repeating, dx.Buffer, Strides.RowMajor(x.Shape), x.Shape, Scale, dx.Accumulate));
    }
}
