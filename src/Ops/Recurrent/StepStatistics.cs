using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// The running statistics of recurrent batch norm, a row for each time step: tables of Tmax x D means and variances. Activations of early
/// steps are distributed otherwise than later ones, and an average over time fits none.
/// </summary>
/// <remarks>
/// Steps from Tmax on are used with row Tmax - 1 and change nothing. Only rows that are no padding count, and a step with fewer than two
/// of them has no variance and leaves its row alone. As in <see cref="RunningStatistics{T}"/>, the variance kept is the unbiased one.
/// </remarks>
internal sealed class StepStatistics<T> : Module<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Parameter<T> mean, variance;
    private readonly int steps, features;
    private readonly T momentum;

    public StepStatistics(IBackend<T> backend, int steps, int features, double momentum)
    {
        (this.steps, this.features, this.momentum) = (steps, features, T.CreateTruncating(momentum));
        mean = AddState(new Parameter<T>(backend, "mean", new Shape(steps, features)));
        variance = AddState(new Parameter<T>(backend, "variance", new Shape(steps, features)).FillConstant(1));
    }

    /// <summary>Which step of the whole sequence the first one of a segment is.</summary>
    public int FirstStep { get; set; }

    /// <summary>Whether <see cref="Update"/> does nothing, since a segment runs again.</summary>
    public bool IsFrozen { get; set; }

    /// <summary>The statistics of a step, for use.</summary>
    public RunningStatistics<T> At(int step)
    {
        int row = Math.Min(FirstStep + step, steps - 1);
        return new(Row(mean, row), Row(variance, row));
    }

    /// <summary>Moves the row of a step towards a batch's statistics.</summary>
    /// <param name="backend">Where they are.</param>
    /// <param name="step">Which step.</param>
    /// <param name="batchMean">(D,).</param>
    /// <param name="batchVariance">(D,), biased.</param>
    /// <param name="count">One number: the cases that were no padding.</param>
    public void Update(IBackend<T> backend, int step, DeviceBuffer<T> batchMean, DeviceBuffer<T> batchVariance, DeviceBuffer<T> count)
    {
        int row = FirstStep + step;
        if (row < steps && !IsFrozen)
        {
            backend.Run(
                new StatisticsUpdate<T>(Row(mean, row), Row(variance, row), batchMean, batchVariance, count, momentum),
                features, ColumnChunks.Grain(1, features));
        }
    }

    private DeviceBuffer<T> Row(Parameter<T> table, int step) => table.Value.Slice(step * features, features);
}

/// <summary>running += rho (batch's - running), with the variance made unbiased; nothing where fewer than two cases count.</summary>
internal readonly struct StatisticsUpdate<T>(
    DeviceBuffer<T> mean, DeviceBuffer<T> variance, DeviceBuffer<T> batchMean, DeviceBuffer<T> batchVariance, DeviceBuffer<T> count,
    T momentum)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> mean, variance, batch_mean, batch_variance, count; real momentum; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const real n = k.count[0], rho = n > 1 ? k.momentum : real(0), unbias = n / Max(n - 1, 1);
            for (int i = first + thread_in_block(); i < end; i += threads_of_block())
            {
                k.mean[i] = MultiplyAdd(rho, k.batch_mean[i] - k.mean[i], k.mean[i]);
                k.variance[i] = MultiplyAdd(rho, k.batch_variance[i] * unbias - k.variance[i], k.variance[i]);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), n = V.LoadSplat(count, 0);
        V rho = V.SelectGreater(n, one, V.Splat(momentum), zero), unbias = n / V.Max(n - one, one);
        for (int i = first; i < end; i += V.Width)
        {
            int lanes = end - i;
            V oldMean = V.Load(mean, i, lanes, zero), oldVariance = V.Load(variance, i, lanes, zero);
            V newMean = V.Load(batchMean, i, lanes, zero), newVariance = V.Load(batchVariance, i, lanes, zero) * unbias;
            V.Store(V.MultiplyAdd(rho, newMean - oldMean, oldMean), mean, i, lanes);
            V.Store(V.MultiplyAdd(rho, newVariance - oldVariance, oldVariance), variance, i, lanes);
        }
    }
}
