using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>The variance that batch normalization divides by, from the sum S of squared deviations of N cases.</summary>
public enum BatchVariance
{
    /// <summary>S / N, the usual choice.</summary>
    Biased,

    /// <summary>S / (N - 1), which the layer-norm paper uses for batches of 4.</summary>
    Unbiased,
}

/// <summary>
/// What batch normalization keeps from training for use: an exponential average of each feature's mean and unbiased variance.
/// </summary>
/// <param name="Mean">(D,), the average of the batches' means.</param>
/// <param name="Variance">(D,), the average of the batches' unbiased variances.</param>
/// <param name="Momentum">rho: each batch moves the averages by this part of the distance to its own statistics.</param>
public readonly record struct RunningStatistics<T>(DeviceBuffer<T> Mean, DeviceBuffer<T> Variance, double Momentum = 0.1)
    where T : unmanaged, IFloatingPointIeee754<T>;

/// <summary>
/// Batch normalization of every column x of N cases (Ioffe, Szegedy 2015), fused. In training:
/// <code>
/// mean = (1/N) sum x      S = sum (x - mean)^2      rstd = 1 / sqrt(S/N + epsilon)      xHat = (x - mean) rstd      y = gain xHat + bias
/// running mean += rho (mean - running mean)         running variance += rho (S/(N-1) - running variance)
/// </code>
/// Backward, with sums down the column. Mean and rstd depend on every case of the batch, which takes two directions out of dy:
/// <code>
/// dbias = sum dy      dgain = sum dy xHat      dx = gain rstd (dy - dbias/N - xHat dgain/N)
/// </code>
/// With S/(N-1) inside the root, d rstd/dx has that factor, and so the last term: dgain/(N-1). In evaluation mean and rstd come from the
/// running
/// statistics and are constants: dx = gain rstd dy. Saves mean and rstd, one number each per feature.
/// </summary>
public static class BatchNormExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Normalizes every column of an [N, D] matrix by the statistics of these N cases, then scales and shifts it.</summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="bias">(D,), added last.</param>
        /// <param name="epsilon">Added to the variance, inside the root.</param>
        /// <param name="variance">The variance inside the root; the running variance is unbiased always.</param>
        /// <param name="running">Updated, unless left out. It has no effect on the result.</param>
        /// <exception cref="ArgumentException">
        /// x is not a matrix or has one row, which has no spread; gain, bias or the statistics are not of D numbers.
        /// </exception>
        [GradCheck("5x3", "3", "3")]
        [GradCheck("2x17", "17", "17")]
        public Tensor<T> BatchNorm(
            Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5, BatchVariance variance = BatchVariance.Biased, RunningStatistics<T> running = default)
        {
            if (x.Shape.Rank == 2 && x.Shape[0] == 1)
            {
                throw new ArgumentException(
                    $"BatchNorm: x has shape {x.Shape}, and one case has no batch statistics: every output would be the bias. " +
                    "Train with batches of 2 or more (drop a last batch of 1); to use a trained model call BatchNormEvaluation.");
            }
            return BatchNormNode<T>.Apply(x, gain, bias, epsilon, variance, running, isTraining: true);
        }

        /// <summary>Normalizes every column of an [N, D] matrix by the running statistics of training, then scales and shifts it.</summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="bias">(D,), added last.</param>
        /// <param name="running">Statistics from training; read only.</param>
        /// <param name="epsilon">Added to the variance, inside the root.</param>
        /// <exception cref="ArgumentException">x is not a matrix; gain, bias or the statistics are not of D numbers.</exception>
        public Tensor<T> BatchNormEvaluation(Tensor<T> gain, Tensor<T> bias, RunningStatistics<T> running, double epsilon = 1e-5) =>
            BatchNormNode<T>.Apply(x, gain, bias, epsilon, BatchVariance.Biased, running, isTraining: false);
    }

    [GradCheck("5x3", "3", "3")]
    private static Tensor<T> WithUnbiasedVariance<T>(Tensor<T> x, Tensor<T> gain, Tensor<T> bias)
        where T : unmanaged, IFloatingPointIeee754<T> => x.BatchNorm(gain, bias, variance: BatchVariance.Unbiased);

    [GradCheck("5x3", "3", "3")]
    private static Tensor<T> InEvaluation<T>(Tensor<T> x, Tensor<T> gain, Tensor<T> bias)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceBuffer<T> mean = x.Tape.Rent<T>(3), variance = x.Tape.Rent<T>(3);
        x.Tape.Backend.Fill(mean, T.CreateTruncating(0.1));
        x.Tape.Backend.Fill(variance, T.CreateTruncating(0.5));
        return x.BatchNormEvaluation(gain, bias, new RunningStatistics<T>(mean, variance));
    }
}

internal sealed class BatchNormNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private DeviceBuffer<T> mean, rstd;
    private BatchVariance variance;
    private bool isTraining;

    public override string Op => "BatchNorm";

    public static Tensor<T> Apply(
        Tensor<T> x, Tensor<T> gain, Tensor<T> bias, double epsilon, BatchVariance variance, RunningStatistics<T> running, bool isTraining)
    {
        Tape<T> tape = Operands.TapeOf("BatchNorm", x, gain, bias);
        if (x.Shape.Rank != 2)
        {
            throw new ArgumentException($"BatchNorm: x has shape {x.Shape}, but must be a matrix of cases and features; use Reshape.");
        }
        int rows = x.Shape[0], columns = x.Shape[1];
        Operands.RequireShape("BatchNorm", "gain", gain, new Shape(columns));
        Operands.RequireShape("BatchNorm", "bias", bias, new Shape(columns));
        bool hasRunning = running.Mean.Length > 0 || !isTraining;
        if (hasRunning && (running.Mean.Length != columns || running.Variance.Length != columns))
        {
            throw new ArgumentException(
                $"BatchNorm: running mean and variance have {running.Mean.Length} and {running.Variance.Length} numbers, but x has {columns} features.");
        }
        Tensor<T> y = tape.NewResult(x.Shape, x.NeedsGradient || gain.NeedsGradient || bias.NeedsGradient);
        DeviceBuffer<T> mean = tape.Rent<T>(columns), rstd = tape.Rent<T>(columns);
        tape.Backend.Run(
            new BatchNormForward<T>(
                x.Value, gain.Value, bias.Value, y.Value, mean, rstd, running, rows, columns, isTraining, Divisor(rows, variance),
                T.CreateTruncating(epsilon)),
            columns, ColumnChunks.Grain(rows, columns));
        if (y.NeedsGradient)
        {
            BatchNormNode<T> node = tape.Record<BatchNormNode<T>>(y, x, gain, bias);
            (node.mean, node.rstd, node.variance, node.isTraining) = (mean, rstd, variance, isTraining);
        }
        return y;
    }

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0], gain = Inputs[1], bias = Inputs[2];
        int rows = x.Shape[0], columns = x.Shape[1];
        GradientSink<T> dgain = gain.GradientSink(), dbias = bias.GradientSink(), dx = x.GradientSink();
        using Scratch<T> sums = backend.Pool.RentScratch<T>(2 * columns);
        backend.Run(
            new BatchNormBackward<T>(
                x.Value, gain.Value, mean, rstd, Output.Gradient, dx, dgain, dbias,
                sums.Buffer.Slice(0, columns), sums.Buffer.Slice(columns, columns), rows, columns, isTraining, Divisor(rows, variance)),
            columns, ColumnChunks.Grain(rows, columns));
    }

    private static T Divisor(int rows, BatchVariance variance) => T.CreateChecked(variance == BatchVariance.Unbiased ? rows - 1 : rows);
}

/// <summary>
/// Two passes down the columns of a chunk for the statistics, one to write. Cases are taken in groups, so that memory is read along rows
/// while the
/// sums of a group stay in registers; a sum of sums also rounds less.
/// </summary>
internal readonly struct BatchNormForward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y, DeviceBuffer<T> mean, DeviceBuffer<T> rstd,
    RunningStatistics<T> running, int rows, int columns, bool isTraining, T divisor, T epsilon)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // In each loop a count of V.Width folds the partial loads and stores to plain ones, so that one text serves full vectors and the last
    // columns.
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        int full = first + ((end - first) / V.Width * V.Width);
        for (int top = 0; isTraining && top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                AddToMean<V>(i, V.Width, top);
            }
            if (full < end)
            {
                AddToMean<V>(full, end - full, top);
            }
        }
        for (int top = 0; isTraining && top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                AddToVariance<V>(i, V.Width, top);
            }
            if (full < end)
            {
                AddToVariance<V>(full, end - full, top);
            }
        }
        for (int i = first; !isTraining && i < end; i += V.Width)
        {
            TakeRunning<V>(i, end - i);
        }
        for (int top = 0; top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                Write<V>(i, V.Width, top);
            }
            if (full < end)
            {
                Write<V>(full, end - full, top);
            }
        }
    }

    // As x0 + avg(x - x0), x0 being the first case: exact for a constant column, and as good for columns far from zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddToMean<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = x;
        V zero = V.Splat(T.Zero), shift = V.Load(from, i, count, zero), sum = zero;
        int bottom = Math.Min(rows, top + ColumnChunks.RowsPerGroup), last = ((bottom - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            sum += V.Load(from, k, count, zero) - shift;
        }
        if (top > 0)
        {
            sum += V.Load(mean, i, count, zero);
        }
        V.Store(bottom == rows ? V.MultiplyAdd(sum, V.Splat(T.One / T.CreateChecked(rows)), shift) : sum, mean, i, count);
    }

    // Collects S in rstd, which the last group then turns into the statistics.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddToVariance<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = x;
        V zero = V.Splat(T.Zero), mu = V.Load(mean, i, count, zero), sum = zero;
        int bottom = Math.Min(rows, top + ColumnChunks.RowsPerGroup), last = ((bottom - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            V deviation = V.Load(from, k, count, zero) - mu;
            sum = V.MultiplyAdd(deviation, deviation, sum);
        }
        if (top > 0)
        {
            sum += V.Load(rstd, i, count, zero);
        }
        if (bottom == rows)
        {
            UpdateRunning(i, count, mu, sum);
            sum = Rstd(sum * V.Splat(T.One / divisor));
        }
        V.Store(sum, rstd, i, count);
    }

    private void UpdateRunning<V>(int i, int count, V mu, V sum)
        where V : struct, ISimd<V, T>
    {
        if (running.Mean.Length > 0)
        {
            V rho = V.Splat(T.CreateTruncating(running.Momentum)), zero = V.Splat(T.Zero);
            V unbiased = sum * V.Splat(T.One / T.CreateChecked(rows - 1));
            V oldMean = V.Load(running.Mean, i, count, zero), oldVariance = V.Load(running.Variance, i, count, zero);
            V.Store(V.MultiplyAdd(rho, mu - oldMean, oldMean), running.Mean, i, count);
            V.Store(V.MultiplyAdd(rho, unbiased - oldVariance, oldVariance), running.Variance, i, count);
        }
    }

    // A copy, since training may move the running statistics before backward.
    private void TakeRunning<V>(int i, int count)
        where V : struct, ISimd<V, T>
    {
        V one = V.Splat(T.One);
        V.Store(V.Load(running.Mean, i, count, one), mean, i, count);
        V.Store(Rstd(V.Load(running.Variance, i, count, one)), rstd, i, count);
    }

    private V Rstd<V>(V variance)
        where V : struct, ISimd<V, T> => V.Splat(T.One) / V.Sqrt(variance + V.Splat(epsilon));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = x, to = y;
        V zero = V.Splat(T.Zero), mu = V.Load(mean, i, count, zero), shift = V.Load(bias, i, count, zero);
        V scale = V.Load(gain, i, count, zero) * V.Load(rstd, i, count, zero);
        int last = ((Math.Min(rows, top + ColumnChunks.RowsPerGroup) - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            V.Store(V.MultiplyAdd(V.Load(from, k, count, zero) - mu, scale, shift), to, k, count);
        }
    }
}

/// <summary>One pass down the columns for the two sums, one to write dx, in groups of cases as forward.</summary>
internal readonly struct BatchNormBackward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, DeviceBuffer<T> dy,
    GradientSink<T> dx, GradientSink<T> dgain, GradientSink<T> dbias, DeviceBuffer<T> sumDy, DeviceBuffer<T> sumDyXHat,
    int rows, int columns, bool isTraining, T divisor)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        int full = first + ((end - first) / V.Width * V.Width);
        for (int top = 0; top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                AddToSums<V>(i, V.Width, top);
            }
            if (full < end)
            {
                AddToSums<V>(full, end - full, top);
            }
        }
        for (int top = 0; dx.IsWanted && top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                Write<V>(i, V.Width, top);
            }
            if (full < end)
            {
                Write<V>(full, end - full, top);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddToSums<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = x, cotangent = dy;
        V zero = V.Splat(T.Zero), mu = V.Load(mean, i, count, zero), sum = zero, sumByDeviation = zero;
        int bottom = Math.Min(rows, top + ColumnChunks.RowsPerGroup), last = ((bottom - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            V g = V.Load(cotangent, k, count, zero);
            sum += g;
            sumByDeviation = V.MultiplyAdd(g, V.Load(from, k, count, zero) - mu, sumByDeviation);
        }
        V sumByXHat = sumByDeviation * V.Load(rstd, i, count, zero);
        if (top > 0)
        {
            sum += V.Load(sumDy, i, count, zero);
            sumByXHat += V.Load(sumDyXHat, i, count, zero);
        }
        V.Store(sum, sumDy, i, count);
        V.Store(sumByXHat, sumDyXHat, i, count);
        if (bottom == rows)
        {
            AddTo(dbias, i, count, sum);
            AddTo(dgain, i, count, sumByXHat);
        }
    }

    private static void AddTo<V>(GradientSink<T> sink, int i, int count, V value)
        where V : struct, ISimd<V, T>
    {
        if (sink.IsWanted)
        {
            V.Store(sink.Accumulate ? value + V.Load(sink.Buffer, i, count, value) : value, sink.Buffer, i, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = x, cotangent = dy, to = dx.Buffer;
        bool accumulate = dx.Accumulate;
        V zero = V.Splat(T.Zero), mu = V.Load(mean, i, count, zero), r = V.Load(rstd, i, count, zero);
        V scale = V.Load(gain, i, count, zero) * r, averageDy = zero, slope = zero;
        if (isTraining)
        {
            averageDy = V.Load(sumDy, i, count, zero) * V.Splat(T.One / T.CreateChecked(rows));
            slope = r * V.Load(sumDyXHat, i, count, zero) * V.Splat(T.One / divisor);
        }
        int last = ((Math.Min(rows, top + ColumnChunks.RowsPerGroup) - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            V g = V.Load(cotangent, k, count, zero) - averageDy;
            V result = scale * (g - ((V.Load(from, k, count, zero) - mu) * slope));
            V.Store(accumulate ? result + V.Load(to, k, count, zero) : result, to, k, count);
        }
    }
}
