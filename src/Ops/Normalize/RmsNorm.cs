using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Root-mean-square normalization of every row x of D features (Zhang, Sennrich 2019): layer normalization without the mean, fused:
/// <code>
/// rstd = 1 / sqrt((1/D) sum x^2 + epsilon)      xHat = x rstd      y = gain xHat (+ bias)
/// </code>
/// Backward, with u = gain dy and the average over the row. rstd depends on every x of the row, which takes one direction out of u:
/// <code>
/// dx = rstd (u - xHat avg(u xHat))      dgain = sum over rows of dy xHat      dbias = sum over rows of dy
/// </code>
/// Saves rstd, one number per row; xHat is computed again from x. The kernels are those of <see cref="LayerNormExtensions"/>.
/// </summary>
public static class RmsNormExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Divides every row (the last axis, of D features) by its root mean square, then scales each feature.</summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="epsilon">Added to the mean square, inside the root.</param>
        /// <exception cref="ArgumentException">Gain has another shape than (D,).</exception>
        [GradCheck("3x7", "7")]
        [GradCheck("2x3x17", "17")]
        public Tensor<T> RmsNorm(Tensor<T> gain, double epsilon = 1e-5) => RmsNormNode<T>.Apply([x, gain], epsilon);

        /// <summary>Divides every row by its root mean square, then scales and shifts each feature.</summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="bias">(D,), added last.</param>
        /// <param name="epsilon">Added to the mean square, inside the root.</param>
        /// <exception cref="ArgumentException">Gain or bias has another shape than (D,).</exception>
        [GradCheck("3x7", "7", "7")]
        public Tensor<T> RmsNorm(Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5) => RmsNormNode<T>.Apply([x, gain, bias], epsilon);
    }
}

internal sealed class RmsNormNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private DeviceBuffer<T> rstd;

    public override string Op => "RmsNorm";

    /// <summary>The operands are x and gain, or x, gain and bias.</summary>
    public static Tensor<T> Apply(ReadOnlySpan<Tensor<T>> operands, double epsilon)
    {
        Tape<T> tape = Operands.TapeOf("RmsNorm", operands);
        Tensor<T> x = operands[0], gain = operands[1];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
        bool hasBias = operands.Length > 2;
        Operands.RequireShape("RmsNorm", "gain", gain, new Shape(columns));
        if (hasBias)
        {
            Operands.RequireShape("RmsNorm", "bias", operands[2], new Shape(columns));
        }
        Tensor<T> y = tape.NewResult(x.Shape, x.NeedsGradient || gain.NeedsGradient || (hasBias && operands[2].NeedsGradient));
        DeviceBuffer<T> rstd = tape.Rent<T>(rows);
        tape.Backend.Run(
            new RowNormForward<T, No>(
                x.Value, gain.Value, hasBias ? operands[2].Value : default, y.Value, default, rstd, 1, columns,
                T.CreateTruncating(epsilon)),
            rows, RowChunks.SumGrain(tape.Backend, rows, columns));
        if (y.NeedsGradient)
        {
            tape.Record<RmsNormNode<T>>(y, operands).rstd = rstd;
        }
        return y;
    }

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0], gain = Inputs[1];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
        int grain = RowChunks.SumGrain(backend, rows, columns);
        using RowSums<T> dgain = new(gain, rows, columns, grain);
        using RowSums<T> dbias = Inputs.Length > 2 ? new(Inputs[2], rows, columns, grain) : default;
        backend.Run(
            new RowNormBackward<T, No>(
                x.Value, gain.Value, default, rstd, Output.Gradient, x.GradientSink(), dgain.Partials, dbias.Partials, 1, columns,
                DetachedStatistics.None),
            rows, grain);
        dgain.Finish(backend);
        dbias.Finish(backend);
    }
}
