using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Weight normalization applied to outputs: the factors s that turn x v into x w for the w of <see cref="WeightNormExtensions"/>; a column
/// of w is a column of v times one number.
/// <code>
/// s = g / ||v||,   one for each unit, a column v of an [inputs, units] matrix
/// </code>
/// Backward, per column, from the gradient v / ||v|| of ||v||:
/// <code>
/// dg = ds / ||v||      dv = -(ds s / ||v||^2) v
/// </code>
/// Saves ||v||. No second matrix is written, forward or backward, which at small batches would cost as much as the rest of a training step.
/// </summary>
public static class WeightNormScaleExtensions
{
    extension<T>(Tensor<T> v)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>What to multiply the columns of x v by, so that it is the product of x with columns of the lengths given.</summary>
        /// <param name="gain">(units,), the lengths g.</param>
        /// <returns>(units,). A column of zeros has no direction and gives infinity or NaN.</returns>
        /// <exception cref="ArgumentException">v is not a matrix, or gain is not of one number per column.</exception>
        [GradCheck("5x3", "3")]
        [GradCheck("20x17", "17")]
        public Tensor<T> WeightNormScale(Tensor<T> gain)
        {
            Tape<T> tape = Operands.TapeOf("WeightNormScale", v, gain);
            if (v.Shape.Rank != 2)
            {
                throw new ArgumentException($"WeightNormScale: v has shape {v.Shape}, but must be a matrix of inputs and units.");
            }
            int rows = v.Shape[0], columns = v.Shape[1];
            Operands.RequireShape("WeightNormScale", "gain", gain, new Shape(columns));
            Tensor<T> s = tape.NewResult(gain.Shape, v.NeedsGradient || gain.NeedsGradient);
            DeviceBuffer<T> norm = tape.Rent<T>(columns);
            ColumnSums<T>.Dot(tape.Backend, v.Value, v.Value, norm, rows);
            tape.Backend.Map(default(SqrtOp<T>), norm, norm);
            tape.Backend.Zip(default(DivideOp<T>), new ZipOperands<T>(gain.Value, s.Shape, norm, s.Shape, s.Shape), s.Value);
            if (s.NeedsGradient)
            {
                tape.Record<WeightNormScaleNode<T>>(s, v, gain).Norm = norm;
            }
            return s;
        }
    }
}

internal sealed class WeightNormScaleNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public DeviceBuffer<T> Norm { get; set; }

    public override string Op => "WeightNormScale";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> v = Inputs[0], gain = Inputs[1];
        Shape shape = Output.Shape;
        GradientSink<T> dgain = gain.GradientSink();
        DeviceBuffer<T> share = v.Tape.Rent<T>(shape.ElementCount); // Lasts until the step: dv may be put off until then.
        backend.Zip(default(DivideOp<T>), new ZipOperands<T>(Output.Gradient, shape, Norm, shape, shape), share);
        if (dgain.IsWanted)
        {
            Strides strides = Strides.RowMajor(shape);
            backend.Copy(new CopyCall<T>(share, strides, dgain.Buffer, strides, shape, T.One, dgain.Accumulate));
        }
        if (v.NeedsGradient)
        {
            backend.Zip(default(DivideOp<T>), new ZipOperands<T>(share, shape, Norm, shape, shape), share);
            backend.Zip(default(MultiplyOp<T>), new ZipOperands<T>(share, shape, Output.Value, shape, shape), share);
            v.TakeColumnsFromGradient(share);
        }
    }
}
