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
            tape.Backend.Zip(default(DivideOp<T>), new ZipCall<T>(gain.Value, s.Shape, norm, s.Shape, s.Value, s.Shape));
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
        GradientSink<T> dgain = gain.GradientSink(), dv = v.GradientSink();
        using Scratch<T> share = backend.Pool.RentScratch<T>(shape.ElementCount);
        backend.Zip(default(DivideOp<T>), new ZipCall<T>(Output.Gradient, shape, Norm, shape, share.Buffer, shape));
        if (dgain.IsWanted)
        {
            Strides strides = Strides.RowMajor(shape);
            backend.Copy(new CopyCall<T>(share.Buffer, strides, dgain.Buffer, strides, shape, T.One, dgain.Accumulate));
        }
        if (dv.IsWanted)
        {
            backend.Zip(default(DivideOp<T>), new ZipCall<T>(share.Buffer, shape, Norm, shape, share.Buffer, shape));
            backend.Zip(default(MultiplyOp<T>), new ZipCall<T>(share.Buffer, shape, Output.Value, shape, share.Buffer, shape));
            int rows = v.Shape[0], columns = v.Shape[1];
            backend.Run(new WeightNormScaleBackward<T>(v.Value, share.Buffer, dv, columns), rows, RowChunks.Grain(rows, columns));
        }
    }
}

/// <summary>Takes from every row of dv the row of v times the shares of the columns.</summary>
internal readonly struct WeightNormScaleBackward<T>(DeviceBuffer<T> v, DeviceBuffer<T> share, GradientSink<T> dv, int columns) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> v, share; Sink dv; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first * k.columns + thread_in_block(); i < end * k.columns; i += threads_of_block())
                k.dv.write(i, -k.share[i % k.columns] * k.v[i]);
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = v, shares = share, to = dv.Buffer;
        bool accumulate = dv.Accumulate;
        V zero = V.Splat(T.Zero);
        int step = columns;
        for (int row = first * step; row < end * step; row += step)
        {
            int i = 0;
            for (; i <= step - V.Width; i += V.Width)
            {
                V old = accumulate ? V.Load(to, row + i) : zero;
                V.Store(old - (V.Load(shares, i) * V.Load(from, row + i)), to, row + i);
            }
            if (i < step)
            {
                int count = step - i;
                V old = accumulate ? V.Load(to, row + i, count, zero) : zero;
                V.Store(old - (V.Load(shares, i, count, zero) * V.Load(from, row + i, count, zero)), to, row + i, count);
            }
        }
    }
}
