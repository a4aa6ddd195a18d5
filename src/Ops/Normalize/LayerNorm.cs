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
/// Saves mean and rstd, one number each per row; xHat is computed again from x.
/// </summary>
public static class LayerNormExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Normalizes every row (the last axis, of D features) to mean 0 and variance 1, then scales and shifts each feature.</summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="bias">(D,), added last.</param>
        /// <param name="epsilon">Added to the variance, inside the root.</param>
        /// <exception cref="ArgumentException">Gain or bias has another shape than (D,).</exception>
        [GradCheck("3x7", "7", "7")]
        public Tensor<T> LayerNorm(Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5)
        {
            Tape<T> tape = Operands.TapeOf("LayerNorm", x, gain, bias);
            int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
            Operands.RequireShape("LayerNorm", "gain", gain, new Shape(columns));
            Operands.RequireShape("LayerNorm", "bias", bias, new Shape(columns));
            Tensor<T> y = tape.NewResult(x.Shape, x.NeedsGradient || gain.NeedsGradient || bias.NeedsGradient);
            DeviceBuffer<T> mean = tape.Rent<T>(rows), rstd = tape.Rent<T>(rows);
            tape.Backend.Run(
                new LayerNormForward<T>(x.Value, gain.Value, bias.Value, y.Value, mean, rstd, columns, T.CreateTruncating(epsilon)),
                rows, RowChunks.Grain(rows, columns));
            if (y.NeedsGradient)
            {
                LayerNormNode<T> node = tape.Record<LayerNormNode<T>>(y, x, gain, bias);
                (node.Mean, node.Rstd) = (mean, rstd);
            }
            return y;
        }
    }
}

internal sealed class LayerNormNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public DeviceBuffer<T> Mean { get; set; }

    public DeviceBuffer<T> Rstd { get; set; }

    public override string Op => "LayerNorm";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0], gain = Inputs[1], bias = Inputs[2];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns, chunks = RowChunks.Count(rows, columns);
        GradientSink<T> dx = x.GradientSink(), dgain = gain.GradientSink(), dbias = bias.GradientSink();
        using Scratch<T> partial = backend.Pool.RentScratch<T>(2 * chunks * columns);
        DeviceBuffer<T> partialGain = partial.Buffer.Slice(0, chunks * columns), partialBias = partial.Buffer.Slice(chunks * columns, chunks * columns);
        backend.Run(
            new LayerNormBackward<T>(x.Value, gain.Value, Mean, Rstd, Output.Gradient, dx, partialGain, partialBias, columns),
            rows, RowChunks.Grain(rows, columns));
        if (dgain.IsWanted)
        {
            backend.Reduce(default(SumReduction<T>), new ReduceCall<T>(partialGain, dgain.Buffer, 1, chunks, columns, T.One, dgain.Accumulate));
        }
        if (dbias.IsWanted)
        {
            backend.Reduce(default(SumReduction<T>), new ReduceCall<T>(partialBias, dbias.Buffer, 1, chunks, columns, T.One, dbias.Accumulate));
        }
    }
}

/// <summary>Two passes for the statistics (mean, then squared deviations), one to write; the row stays in the first-level cache.</summary>
internal readonly struct LayerNormForward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, int columns, T epsilon)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), perColumn = V.Splat(T.One / T.CreateChecked(columns));
        for (int row = first; row < end; row++)
        {
            DeviceBuffer<T> from = x.Slice(row * columns, columns), to = y.Slice(row * columns, columns);
            V sum = zero;
            for (int i = 0; i < columns; i += V.Width)
            {
                sum += V.Load(from, i, columns - i, zero);
            }
            V mu = V.Sum(sum) * perColumn;
            V squares = zero;
            for (int i = 0; i < columns; i += V.Width)
            {
                V deviation = V.Load(from, i, columns - i, mu) - mu;
                squares = V.MultiplyAdd(deviation, deviation, squares);
            }
            V r = V.Splat(T.One) / V.Sqrt((V.Sum(squares) * perColumn) + V.Splat(epsilon));
            for (int i = 0; i < columns; i += V.Width)
            {
                int count = columns - i;
                V xHat = (V.Load(from, i, count, mu) - mu) * r;
                V.Store(V.MultiplyAdd(V.Load(gain, i, count, zero), xHat, V.Load(bias, i, count, zero)), to, i, count);
            }
            V.StoreScalar(mu, mean, row);
            V.StoreScalar(r, rstd, row);
        }
    }
}

/// <summary>One pass for the two averages and the sums over rows, one to write dx.</summary>
internal readonly struct LayerNormBackward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, DeviceBuffer<T> dy, GradientSink<T> dx,
    DeviceBuffer<T> partialGain, DeviceBuffer<T> partialBias, int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), perColumn = V.Splat(T.One / T.CreateChecked(columns));
        DeviceBuffer<T> sumGain = partialGain.Slice(chunk * columns, columns), sumBias = partialBias.Slice(chunk * columns, columns);
        for (int row = first; row < end; row++)
        {
            DeviceBuffer<T> from = x.Slice(row * columns, columns), cotangent = dy.Slice(row * columns, columns);
            V mu = V.LoadSplat(mean, row), r = V.LoadSplat(rstd, row);
            V sumU = zero, sumUxHat = zero;
            for (int i = 0; i < columns; i += V.Width)
            {
                int count = columns - i;
                V g = V.Load(cotangent, i, count, zero), xHat = (V.Load(from, i, count, mu) - mu) * r;
                V u = V.Load(gain, i, count, zero) * g;
                sumU += u;
                sumUxHat = V.MultiplyAdd(u, xHat, sumUxHat);
                V.Store(row == first ? g * xHat : V.MultiplyAdd(g, xHat, V.Load(sumGain, i, count, zero)), sumGain, i, count);
                V.Store(row == first ? g : g + V.Load(sumBias, i, count, zero), sumBias, i, count);
            }
            if (!dx.IsWanted)
            {
                continue;
            }
            V averageU = V.Sum(sumU) * perColumn, averageUxHat = V.Sum(sumUxHat) * perColumn;
            DeviceBuffer<T> to = dx.Buffer.Slice(row * columns, columns);
            for (int i = 0; i < columns; i += V.Width)
            {
                int count = columns - i;
                V xHat = (V.Load(from, i, count, mu) - mu) * r;
                V u = V.Load(gain, i, count, zero) * V.Load(cotangent, i, count, zero);
                V g = r * (u - averageU - (xHat * averageUxHat));
                V.Store(dx.Accumulate ? g + V.Load(to, i, count, zero) : g, to, i, count);
            }
        }
    }
}
