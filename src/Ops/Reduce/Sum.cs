using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>y = the sum of x over some axes. Every summand contributes with factor 1, so dx repeats dy along those axes.</summary>
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
        public Tensor<T> Sum(params ReadOnlySpan<int> axes) => x.ReduceSum(axes, T.One);
    }

    [GradCheck("2x3x4x5")]
    private static Tensor<T> SumOverInnerAndOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Sum(0, 2);

    internal static Tensor<T> ReduceSum<T>(this Tensor<T> x, ReadOnlySpan<int> axes, T scale)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReducedShape reduced = new("Sum", x.Shape, axes);
        Tape<T> tape = Operands.TapeOf("Sum", x);
        Tensor<T> y = tape.NewResult(reduced.Squeezed, x.NeedsGradient);
        tape.Backend.ReduceTo(x.Value, x.Shape, y.Value, reduced.Kept, default(SumReduction<T>), scale, accumulate: false);
        if (y.NeedsGradient)
        {
            SumNode<T> node = tape.Record<SumNode<T>>(y, x);
            (node.Kept, node.Scale) = (reduced.Kept, scale);
        }
        return y;
    }
}

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
        backend.Copy(new CopyCall<T>(Output.Gradient, Strides.RowMajor(Kept), dx.Buffer, Strides.RowMajor(x.Shape), x.Shape, Scale, dx.Accumulate));
    }
}
