using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Layer normalization of every row x of D features (Ba, Kiros, Hinton 2016, eq. 3 and 4), fused:
/// <code>
/// mean = (1/D) sum x      rstd = 1 / sqrt((1/D) sum (x - mean)^2 + epsilon)      xHat = (x - mean) rstd      y = gain xHat + bias
/// </code>
/// Backward, with u = gain dy and averages over the row. Mean and rstd depend on every x of the row, which takes two directions out of u:
/// <code>
/// dx = rstd (u - avg(u) - xHat avg(u xHat))      dgain = sum over rows of dy xHat      dbias = sum over rows of dy
/// </code>
/// A detached mean drops avg(u), a detached rstd drops the last term. Saves mean and rstd, one number each per row; xHat is computed
/// again from x. The kernels, <see cref="RowNormForward{T, TCentered}"/> and <see cref="RowNormBackward{T, TCentered}"/>, normalize the
/// parts of a row separately if there are several: <see cref="GroupNormExtensions"/> uses them too.
/// </summary>
public static class LayerNormExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>
        /// Normalizes every row (the last axis, of D features) to mean 0 and variance 1, then scales and shifts each feature.
        /// </summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="bias">(D,), added last.</param>
        /// <param name="epsilon">Added to the variance, inside the root.</param>
        /// <param name="detached">Which statistics backward treats as constants.</param>
        /// <exception cref="ArgumentException">Gain or bias has another shape than (D,).</exception>
        [GradCheck("3x7", "7", "7")]
        [GradCheck("2x3x17", "17", "17")]
        public Tensor<T> LayerNorm(
            Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5, DetachedStatistics detached = DetachedStatistics.None) =>
            LayerNormNode<T>.Apply("LayerNorm", [x, gain, bias], 1, epsilon, detached);

        /// <summary>Normalizes every row to mean 0 and variance 1, with no gain and bias ("LN-simple").</summary>
        /// <inheritdoc cref="extension{T}(Tensor{T}).LayerNorm(Tensor{T}, Tensor{T}, double, DetachedStatistics)"/>
        [GradCheck("3x7")]
        public Tensor<T> LayerNorm(double epsilon = 1e-5, DetachedStatistics detached = DetachedStatistics.None) =>
            LayerNormNode<T>.Apply("LayerNorm", [x], 1, epsilon, detached);
    }
}

internal sealed class LayerNormNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private string op = "";
    private DeviceBuffer<T> mean, rstd;
    private int groups;
    private DetachedStatistics detached;

    public override string Op => op;

    /// <summary>
    /// Normalizes each of <paramref name="groups"/> equal parts of every row of x; the operands are x, gain and bias, or x alone.
    /// </summary>
    public static Tensor<T> Apply(string op, ReadOnlySpan<Tensor<T>> operands, int groups, double epsilon, DetachedStatistics detached)
    {
        Tape<T> tape = Operands.TapeOf(op, operands);
        Tensor<T> x = operands[0];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
        bool affine = operands.Length > 1, needsGradient = x.NeedsGradient;
        if (affine)
        {
            Operands.RequireShape(op, "gain", operands[1], new Shape(columns));
            Operands.RequireShape(op, "bias", operands[2], new Shape(columns));
            needsGradient |= operands[1].NeedsGradient || operands[2].NeedsGradient;
        }
        Tensor<T> y = tape.NewResult(x.Shape, needsGradient);
        DeviceBuffer<T> mean = tape.Rent<T>(rows * groups), rstd = tape.Rent<T>(rows * groups);
        tape.Backend.Run(
            new RowNormForward<T, Yes>(
                x.Value, affine ? operands[1].Value : default, affine ? operands[2].Value : default, y.Value, mean, rstd,
                groups, columns / groups, T.CreateTruncating(epsilon)),
            rows, RowChunks.SumGrain(tape.Backend, rows, columns));
        if (y.NeedsGradient)
        {
            LayerNormNode<T> node = tape.Record<LayerNormNode<T>>(y, operands);
            (node.op, node.mean, node.rstd, node.groups, node.detached) = (op, mean, rstd, groups, detached);
        }
        return y;
    }

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
        bool affine = Inputs.Length > 1;
        int grain = RowChunks.SumGrain(backend, rows, columns);
        using RowSums<T> dgain = affine ? new(Inputs[1], rows, columns, grain) : default;
        using RowSums<T> dbias = affine ? new(Inputs[2], rows, columns, grain) : default;
        backend.Run(
            new RowNormBackward<T, Yes>(
                x.Value, affine ? Inputs[1].Value : default, mean, rstd, Output.Gradient, x.GradientSink(), dgain.Partials, dbias.Partials,
                groups, columns / groups, detached),
            rows, grain);
        dgain.Finish(backend);
        dbias.Finish(backend);
    }
}
