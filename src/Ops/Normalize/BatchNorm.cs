using System.Numerics;
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
/// running statistics and are constants: dx = gain rstd dy. Saves mean and rstd, one number each per feature.
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
            Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5, BatchVariance variance = BatchVariance.Biased,
            RunningStatistics<T> running = default)
        {
            Shape shape = Operands.ShapeOf("BatchNorm", x);
            if (shape.Rank == 2 && shape[0] == 1)
            {
                throw new ArgumentException(
                    $"BatchNorm: x has shape {shape}, and one case has no batch statistics: every output would be the bias. " +
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
    private T divisor;
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
                $"BatchNorm: running mean and variance have {running.Mean.Length} and {running.Variance.Length} numbers, " +
                $"but x has {columns} features.");
        }
        Tensor<T> y = tape.NewResult(x.Shape, x.NeedsGradient || gain.NeedsGradient || bias.NeedsGradient);
        DeviceBuffer<T> mean = tape.Rent<T>(columns), rstd = tape.Rent<T>(columns);
        T divisor = Divisor(rows, variance);
        BatchNormForward<T>.Run(
            tape.Backend, x, gain, bias, y.Value, mean, rstd, running, isTraining, divisor, T.CreateTruncating(epsilon));
        if (y.NeedsGradient)
        {
            BatchNormNode<T> node = tape.Record<BatchNormNode<T>>(y, x, gain, bias);
            (node.mean, node.rstd, node.divisor, node.isTraining) = (mean, rstd, divisor, isTraining);
        }
        return y;
    }

    public override void Backward(IBackend<T> backend) =>
        BatchNormBackward<T>.Run(backend, Inputs[0], Inputs[1], Inputs[2], mean, rstd, Output.Gradient, isTraining, divisor);

    private static T Divisor(int rows, BatchVariance variance) => T.CreateChecked(variance == BatchVariance.Unbiased ? rows - 1 : rows);
}
