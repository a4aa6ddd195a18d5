using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = (x - mean) scale + bias, row after row, with scale = gain rstd; the last of the kernels of batch normalization's forward pass.
/// </summary>
internal readonly struct BatchNormForward<T> : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly DeviceBuffer<T> x, mean, scale, bias, y;
    private readonly int columns;

    private BatchNormForward(
        DeviceBuffer<T> x, DeviceBuffer<T> mean, DeviceBuffer<T> scale, DeviceBuffer<T> bias, DeviceBuffer<T> y, int columns) =>
        (this.x, this.mean, this.scale, this.bias, this.y, this.columns) = (x, mean, scale, bias, y, columns);

    /// <summary>Finds the statistics of chunks of rows, combines them, and writes y.</summary>
    public static void Run(
        IBackend<T> backend, Tensor<T> x, Tensor<T> gain, Tensor<T> bias, DeviceBuffer<T> y, DeviceBuffer<T> mean, DeviceBuffer<T> rstd,
        RunningStatistics<T> running, bool isTraining, T divisor, T epsilon)
    {
        int rows = x.Shape[0], columns = x.Shape[1];
        int grain = RowChunks.SumGrain(backend, rows, columns), chunks = (rows + grain - 1) / grain;
        using Scratch<T> scratch = backend.Pool.RentScratch<T>(((2 * chunks) + 1) * columns);
        DeviceBuffer<T> scale = scratch.Buffer.Slice(0, columns);
        DeviceBuffer<T> means = scratch.Buffer.Slice(columns, chunks * columns);
        DeviceBuffer<T> squares = scratch.Buffer.Slice((1 + chunks) * columns, chunks * columns);
        if (isTraining)
        {
            backend.Run(new ColumnMoments<T>(x.Value, means, squares, columns), rows, grain);
        }
        backend.Run(
            new BatchNormStatistics<T>(
                x.Value, means, squares, gain.Value, mean, rstd, scale, running, rows, grain, columns, isTraining, divisor, epsilon),
            columns, ColumnChunks.Grain(chunks, columns));
        backend.Run(new BatchNormForward<T>(x.Value, mean, scale, bias.Value, y, columns), rows, grain);
    }

    public static string DeviceSource => """
        struct Arguments { Buffer<real> x, mean, scale, bias, y; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first * k.columns + thread_in_block(); i < end * k.columns; i += threads_of_block())
            {
                const int column = i % k.columns;
                k.y[i] = MultiplyAdd(k.x[i] - k.mean[column], k.scale[column], k.bias[column]);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        if (Streaming.Pays(y))
        {
            Rows<V, Streamed>(first, end);
            Streaming.Fence<Streamed>();
        }
        else
        {
            Rows<V, Assigned>(first, end);
        }
    }

    private void Rows<V, TWrite>(int first, int end)
        where V : struct, ISimd<V, T>
        where TWrite : ISinkMode
    {
        for (int row = first; row < end; row++)
        {
            Write<V, TWrite>(x.Slice(row * columns, columns), y.Slice(row * columns, columns));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Write<V, TWrite>(DeviceBuffer<T> from, DeviceBuffer<T> to)
        where V : struct, ISimd<V, T>
        where TWrite : ISinkMode
    {
        DeviceBuffer<T> centers = mean, scales = scale, shifts = bias;
        int length = columns;
        nint i = CacheLine.ElementsBefore<T, V>(to);
        if (i > 0)
        {
            WriteAt<V, TWrite>(0, (int)i, from, centers, scales, shifts, to);
        }
        for (; i <= length - V.Width; i += V.Width)
        {
            WriteAt<V, TWrite>(i, V.Width, from, centers, scales, shifts, to);
        }
        if (i < length)
        {
            WriteAt<V, TWrite>(i, length - (int)i, from, centers, scales, shifts, to);
        }
    }

    // Called with a count of V.Width the partial loads and stores fold to plain ones, so that one text serves rows and their ends.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V, TWrite>(
        nint i, int count, DeviceBuffer<T> x, DeviceBuffer<T> mean, DeviceBuffer<T> scale, DeviceBuffer<T> bias, DeviceBuffer<T> y)
        where V : struct, ISimd<V, T>
        where TWrite : ISinkMode
    {
        V zero = V.Splat(T.Zero), deviation = V.Load(x, i, count, zero) - V.Load(mean, i, count, zero);
        SinkMode<T, V>.Store<TWrite>(V.MultiplyAdd(deviation, V.Load(scale, i, count, zero), V.Load(bias, i, count, zero)), y, i, count);
    }
}

/// <summary>
/// Combines the moments of chunks of rows, in order, to the statistics of each column. With n rows of mean m and sum S in a chunk,
/// <code>
/// mean = (1/N) sum n m      sum (x - mean)^2 = sum S + n (m - mean)^2
/// </code>
/// In evaluation takes the running statistics.
/// </summary>
internal readonly struct BatchNormStatistics<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> means, DeviceBuffer<T> squares, DeviceBuffer<T> gain, DeviceBuffer<T> mean, DeviceBuffer<T> rstd,
    DeviceBuffer<T> scale, RunningStatistics<T> running, int rows, int grain, int columns, bool isTraining, T divisor, T epsilon)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Running { Buffer<real> mean, variance; double momentum; };
        struct Arguments
        {
            Buffer<real> x, means, squares, gain, mean, rstd, scale;
            Running running;
            int rows, grain, columns;
            bool is_training;
            real divisor, epsilon;
        };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first + thread_in_block(); i < end; i += threads_of_block())
            {
                real mean, variance;
                if (k.is_training)
                {
                    real distance = 0, sum = 0;
                    for (int row = 0, at = i; row < k.rows; row += k.grain, at += k.columns)
                        distance = MultiplyAdd(k.means[at], real(smaller(k.grain, k.rows - row)) / k.rows, distance);
                    for (int row = 0, at = i; row < k.rows; row += k.grain, at += k.columns)
                    {
                        const real apart = k.means[at] - distance;
                        sum += MultiplyAdd(apart * smaller(k.grain, k.rows - row), apart, k.squares[at]);
                    }
                    mean = k.x[i] + distance;
                    variance = sum / k.divisor;
                    if (k.running.mean.exists())
                    {
                        const real rho = real(k.running.momentum), unbiased = sum / (k.rows - 1);
                        k.running.mean[i] = MultiplyAdd(rho, mean - k.running.mean[i], k.running.mean[i]);
                        k.running.variance[i] = MultiplyAdd(rho, unbiased - k.running.variance[i], k.running.variance[i]);
                    }
                }
                else
                {
                    mean = k.running.mean[i];
                    variance = k.running.variance[i];
                }
                k.mean[i] = mean;
                k.rstd[i] = 1 / Sqrt(variance + k.epsilon);
                k.scale[i] = k.gain[i] * k.rstd[i];
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        // Sizes of a chunk and of the last one, and their shares of all rows; divided once, not for every vector of columns.
        int before = (rows - 1) / grain * grain;
        T total = T.CreateChecked(rows), size = T.CreateChecked(grain), rest = T.CreateChecked(rows - before);
        V one = V.Splat(T.One), sizes = V.Splat(size), rests = V.Splat(rest);
        V share = V.Splat(size / total), restShare = V.Splat(rest / total);
        V perDivisor = V.Splat(T.One / divisor), perFreedom = V.Splat(T.One / (total - T.One)), increase = V.Splat(epsilon);
        for (int i = first; i < end; i += V.Width)
        {
            int count = end - i;
            V mu, variance;
            if (isTraining)
            {
                (mu, V sum) = OfBatch(i, before / grain, count, sizes, rests, share, restShare);
                variance = sum * perDivisor;
                UpdateRunning(i, count, mu, sum * perFreedom);
            }
            else
            {
                // A copy, since training may move the running statistics before backward.
                (mu, variance) = (V.Load(running.Mean, i, count, one), V.Load(running.Variance, i, count, one));
            }
            V r = one / V.Sqrt(variance + increase);
            V.Store(mu, mean, i, count);
            V.Store(r, rstd, i, count);
            V.Store(V.Load(gain, i, count, one) * r, scale, i, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (V Mean, V Sum) OfBatch<V>(int i, int fullChunks, int count, V sizes, V rests, V share, V restShare)
        where V : struct, ISimd<V, T>
    {
        int last = (fullChunks * columns) + i;
        V zero = V.Splat(T.Zero), distance = V.Load(means, last, count, zero), m = distance * restShare;
        for (int k = i; k < last; k += columns)
        {
            m = V.MultiplyAdd(V.Load(means, k, count, zero), share, m);
        }
        distance -= m;
        V sum = V.MultiplyAdd(distance * rests, distance, V.Load(squares, last, count, zero));
        for (int k = i; k < last; k += columns)
        {
            distance = V.Load(means, k, count, zero) - m;
            sum += V.MultiplyAdd(distance * sizes, distance, V.Load(squares, k, count, zero));
        }
        return (V.Load(x, i, count, zero) + m, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void UpdateRunning<V>(int i, int count, V mu, V unbiased)
        where V : struct, ISimd<V, T>
    {
        if (running.Mean.Length > 0)
        {
            V rho = V.Splat(T.CreateTruncating(running.Momentum)), oldMean = V.Load(running.Mean, i, count, mu);
            V oldVariance = V.Load(running.Variance, i, count, mu);
            V.Store(V.MultiplyAdd(rho, mu - oldMean, oldMean), running.Mean, i, count);
            V.Store(V.MultiplyAdd(rho, unbiased - oldVariance, oldVariance), running.Variance, i, count);
        }
    }
}
