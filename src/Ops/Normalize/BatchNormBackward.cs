using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// dx = scale dy + slope (x - mean) + offset, row after row, with one of each per column; the last of the kernels of batch normalization's
/// backward pass.
/// </summary>
internal readonly struct BatchNormBackward<T> : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly DeviceBuffer<T> x, dy, mean, scale, slope, offset;
    private readonly GradientSink<T> dx;
    private readonly int columns;

    private BatchNormBackward(
        DeviceBuffer<T> x, DeviceBuffer<T> dy, DeviceBuffer<T> mean, DeviceBuffer<T> scale, DeviceBuffer<T> slope, DeviceBuffer<T> offset,
        GradientSink<T> dx, int columns)
    {
        (this.x, this.dy, this.mean, this.scale, this.slope, this.offset) = (x, dy, mean, scale, slope, offset);
        (this.dx, this.columns) = (dx, columns);
    }

    /// <summary>Sums over chunks of rows, adds them up to the gradients of gain and bias, and writes dx.</summary>
    public static void Run(
        IBackend<T> backend, Tensor<T> x, Tensor<T> gain, Tensor<T> bias, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, DeviceBuffer<T> dy,
        bool isTraining, T divisor)
    {
        int rows = x.Shape[0], columns = x.Shape[1];
        int grain = RowChunks.SumGrain(backend, rows, columns), chunks = (rows + grain - 1) / grain;
        GradientSink<T> dgain = gain.GradientSink(), dbias = bias.GradientSink(), dx = x.GradientSink();
        using Scratch<T> scratch = backend.Pool.RentScratch<T>(((2 * chunks) + 3) * columns);
        DeviceBuffer<T> scale = scratch.Buffer.Slice(0, columns), slope = scratch.Buffer.Slice(columns, columns);
        DeviceBuffer<T> offset = scratch.Buffer.Slice(2 * columns, columns), sums = scratch.Buffer.Slice(3 * columns, chunks * columns);
        DeviceBuffer<T> products = scratch.Buffer.Slice((3 + chunks) * columns, chunks * columns);
        backend.Run(new BatchNormSums<T>(x.Value, dy, mean, sums, products, columns), rows, grain);
        backend.Run(
            new BatchNormCoefficients<T>(
                sums, products, gain.Value, rstd, dgain, dbias, scale, slope, offset, chunks, columns, T.CreateChecked(rows), divisor,
                isTraining),
            columns, ColumnChunks.Grain(chunks, columns));
        if (dx.IsWanted)
        {
            backend.Run(new BatchNormBackward<T>(x.Value, dy, mean, scale, slope, offset, dx, columns), rows, grain);
        }
    }

    public static string DeviceSource => """
        struct Arguments { Buffer<real> x, dy, mean, scale, slope, offset; Sink dx; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first * k.columns + thread_in_block(); i < end * k.columns; i += threads_of_block())
            {
                const int column = i % k.columns;
                const real rest = MultiplyAdd(k.x[i] - k.mean[column], k.slope[column], k.offset[column]);
                k.dx.write(i, MultiplyAdd(k.scale[column], k.dy[i], rest));
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        if (dx.Accumulate)
        {
            Rows<V, Added>(first, end);
        }
        else if (Streaming.Pays(dx.Buffer))
        {
            Rows<V, Streamed>(first, end);
            Streaming.Fence<Streamed>();
        }
        else
        {
            Rows<V, Assigned>(first, end);
        }
    }

    private void Rows<V, TDx>(int first, int end)
        where V : struct, ISimd<V, T>
        where TDx : ISinkMode
    {
        for (int row = first; row < end; row++)
        {
            Write<V, TDx>(row * columns);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Write<V, TDx>(int start)
        where V : struct, ISimd<V, T>
        where TDx : ISinkMode
    {
        int length = columns;
        DeviceBuffer<T> from = x.Slice(start, length), cotangent = dy.Slice(start, length), to = dx.Buffer.Slice(start, length);
        DeviceBuffer<T> centers = mean, scales = scale, slopes = slope, offsets = offset;
        nint i = CacheLine.ElementsBefore<T, V>(to);
        if (i > 0)
        {
            WriteAt<V, TDx>(0, (int)i, from, cotangent, centers, scales, slopes, offsets, to);
        }
        for (; i <= length - V.Width; i += V.Width)
        {
            WriteAt<V, TDx>(i, V.Width, from, cotangent, centers, scales, slopes, offsets, to);
        }
        if (i < length)
        {
            WriteAt<V, TDx>(i, length - (int)i, from, cotangent, centers, scales, slopes, offsets, to);
        }
    }

    // Called with a count of V.Width the partial loads and stores fold to plain ones, so that one text serves rows and their ends.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V, TDx>(
        nint i, int count, DeviceBuffer<T> x, DeviceBuffer<T> dy, DeviceBuffer<T> mean, DeviceBuffer<T> scale, DeviceBuffer<T> slope,
        DeviceBuffer<T> offset, DeviceBuffer<T> dx)
        where V : struct, ISimd<V, T>
        where TDx : ISinkMode
    {
        V zero = V.Splat(T.Zero), deviation = V.Load(x, i, count, zero) - V.Load(mean, i, count, zero);
        V rest = V.MultiplyAdd(deviation, V.Load(slope, i, count, zero), V.Load(offset, i, count, zero));
        SinkMode<T, V>.Store<TDx>(V.MultiplyAdd(V.Load(scale, i, count, zero), V.Load(dy, i, count, zero), rest), dx, i, count);
    }
}

/// <summary>
/// Adds up the sums over chunks, in order, to dbias and dgain, and finds what
/// dx = gain rstd (dy - dbias/N - xHat dgain/N) takes of each column.
/// </summary>
internal readonly struct BatchNormCoefficients<T>(
    DeviceBuffer<T> sums, DeviceBuffer<T> products, DeviceBuffer<T> gain, DeviceBuffer<T> rstd,
    GradientSink<T> dgain, GradientSink<T> dbias, DeviceBuffer<T> scale, DeviceBuffer<T> slope, DeviceBuffer<T> offset,
    int chunks, int columns, T rows, T divisor, bool isTraining)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments
        {
            Buffer<real> sums, products, gain, rstd;
            Sink dgain, dbias;
            Buffer<real> scale, slope, offset;
            int chunks, columns;
            real rows, divisor;
            bool is_training;
        };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first + thread_in_block(); i < end; i += threads_of_block())
            {
                real sum_dy = 0, sum_dy_x_hat = 0;
                for (int part = 0; part < k.chunks; part++)
                {
                    sum_dy += k.sums[part * k.columns + i];
                    sum_dy_x_hat += k.products[part * k.columns + i];
                }
                const real r = k.rstd[i], scale = k.gain[i] * r;
                sum_dy_x_hat *= r;
                if (k.dbias.is_wanted())
                    k.dbias.write(i, sum_dy);
                if (k.dgain.is_wanted())
                    k.dgain.write(i, sum_dy_x_hat);
                k.scale[i] = scale;
                k.slope[i] = k.is_training ? -scale * r * sum_dy_x_hat / k.divisor : real(0);
                k.offset[i] = k.is_training ? -scale * sum_dy / k.rows : real(0);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero);
        for (int i = first; i < end; i += V.Width)
        {
            int count = end - i;
            V sumDy = zero, sumDyXHat = zero, r = V.Load(rstd, i, count, zero), s = V.Load(gain, i, count, zero) * r;
            for (int k = i; k < chunks * columns; k += columns)
            {
                sumDy += V.Load(sums, k, count, zero);
                sumDyXHat += V.Load(products, k, count, zero);
            }
            sumDyXHat *= r;
            dbias.Store(sumDy, i, count);
            dgain.Store(sumDyXHat, i, count);
            V.Store(s, scale, i, count);
            V.Store(isTraining ? s * r * sumDyXHat * V.Splat(-T.One / divisor) : zero, slope, i, count);
            V.Store(isTraining ? s * sumDy * V.Splat(-T.One / rows) : zero, offset, i, count);
        }
    }
}
