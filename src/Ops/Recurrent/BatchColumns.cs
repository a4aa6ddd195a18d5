using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Batch normalization of neighbouring columns of one step's N rows, for the fused kernels of recurrent batch norm. With w = 1
/// for cases and 0 for padding, and n cases:
/// <code>
/// mean = (1/n) sum w x      rstd = 1 / sqrt((1/n) sum w (x - mean)^2 + epsilon)      xHat = (x - mean) rstd
/// dx = gain rstd (dy - w (sum dy + xHat sum dy xHat) / n)
/// </code>
/// Padding comes with dy = 0, so that the sums need no weights. In evaluation mean and rstd are constants, and dx = gain rstd dy.
/// </summary>
internal static class BatchColumns<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    // Rows are taken in groups, so that memory is read along them while the sums of a group of rows stay in registers.
    public const int RowsPerGroup = 16;

    /// <summary>Makes the statistics of columns and leaves them at <paramref name="at"/>; in evaluation they are there.</summary>
    /// <param name="b">The step.</param>
    /// <param name="x">N rows.</param>
    /// <param name="column">The first column.</param>
    /// <param name="at">Where its statistics are.</param>
    /// <param name="count">How many columns.</param>
    public static void Measure(in BatchStep<T> b, DeviceBuffer<T> x, int column, int at, int count)
    {
        if (!b.IsTraining)
        {
            return;
        }
        for (int top = 0; top < b.Cases; top += RowsPerGroup)
        {
            AddToMeans(b, x, column, at, count, top);
        }
        for (int top = 0; top < b.Cases; top += RowsPerGroup)
        {
            AddToVariances(b, x, column, at, count, top);
        }
    }

    /// <summary>Turns the gradients of gain xHat into those of x, and adds to those of gain and shift.</summary>
    /// <param name="b">The step.</param>
    /// <param name="x">N rows.</param>
    /// <param name="dy">N rows.</param>
    /// <param name="dx">N rows; may be <paramref name="dy"/>.</param>
    /// <param name="gain">A number per column.</param>
    /// <param name="dgain">Added to; empty if not wanted.</param>
    /// <param name="dshift">Added to; empty if not wanted.</param>
    /// <param name="column">The first column.</param>
    /// <param name="at">Where its statistics are.</param>
    /// <param name="count">How many columns.</param>
    public static void Backward(
        in BatchStep<T> b, DeviceBuffer<T> x, DeviceBuffer<T> dy, DeviceBuffer<T> dx, DeviceBuffer<T> gain,
        DeviceBuffer<T> dgain, DeviceBuffer<T> dshift, int column, int at, int count)
    {
        for (int top = 0; top < b.Cases; top += RowsPerGroup)
        {
            AddToSums(b, x, dy, column, at, count, top);
        }
        AddTo(dgain, b.SumXHat, column, at, count);
        AddTo(dshift, b.Sum, column, at, count);
        Average(b, at, count);
        for (int n = 0; n < b.Cases; n++)
        {
            Write(b, x, dy, dx, gain, column, at, count, n);
        }
    }

    // As x0 + avg(x - x0), x0 being the first case: exact for a constant column, and as good for columns far from zero.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddToMeans(in BatchStep<T> b, DeviceBuffer<T> x, int column, int at, int count, int top)
    {
        int stride = x.Length / b.Cases, bottom = Math.Min(b.Cases, top + RowsPerGroup);
        DeviceBuffer<T> means = b.Mean, padding = b.Padding;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), perCase = one / V.Max(V.LoadSplat(b.Counts, b.Step), one);
        for (int j = 0; j < count; j += V.Width)
        {
            int lanes = count - j;
            V shift = V.Load(x, column + j, lanes, zero), sum = top == 0 ? zero : V.Load(means, at + j, lanes, zero);
            for (int n = top, i = (top * stride) + column + j; n < bottom; n++, i += stride)
            {
                V deviation = V.Load(x, i, lanes, zero) - shift;
                sum += padding.Length == 0 ? deviation : deviation * V.LoadSplat(padding, b.Row(n));
            }
            V.Store(bottom == b.Cases ? V.MultiplyAdd(sum, perCase, shift) : sum, means, at + j, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddToVariances(in BatchStep<T> b, DeviceBuffer<T> x, int column, int at, int count, int top)
    {
        int stride = x.Length / b.Cases, bottom = Math.Min(b.Cases, top + RowsPerGroup);
        DeviceBuffer<T> variances = b.Variance, padding = b.Padding;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), epsilon = V.Splat(b.Epsilon);
        V perCase = one / V.Max(V.LoadSplat(b.Counts, b.Step), one);
        for (int j = 0; j < count; j += V.Width)
        {
            int lanes = count - j;
            V mean = V.Load(b.Mean, at + j, lanes, zero), sum = top == 0 ? zero : V.Load(variances, at + j, lanes, zero);
            for (int n = top, i = (top * stride) + column + j; n < bottom; n++, i += stride)
            {
                V deviation = V.Load(x, i, lanes, zero) - mean;
                sum = V.MultiplyAdd(padding.Length == 0 ? deviation : deviation * V.LoadSplat(padding, b.Row(n)), deviation, sum);
            }
            if (bottom == b.Cases)
            {
                sum *= perCase;
                V.Store(one / V.Sqrt(sum + epsilon), b.Rstd, at + j, lanes);
            }
            V.Store(sum, variances, at + j, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddToSums(in BatchStep<T> b, DeviceBuffer<T> x, DeviceBuffer<T> dy, int column, int at, int count, int top)
    {
        int stride = x.Length / b.Cases, bottom = Math.Min(b.Cases, top + RowsPerGroup);
        V zero = V.Splat(T.Zero);
        for (int j = 0; j < count; j += V.Width)
        {
            int lanes = count - j;
            V mu = V.Load(b.Mean, at + j, lanes, zero), r = V.Load(b.Rstd, at + j, lanes, zero);
            V sum = top == 0 ? zero : V.Load(b.Sum, at + j, lanes, zero);
            V sumXHat = top == 0 ? zero : V.Load(b.SumXHat, at + j, lanes, zero);
            for (int n = top, i = (top * stride) + column + j; n < bottom; n++, i += stride)
            {
                V g = V.Load(dy, i, lanes, zero);
                sum += g;
                sumXHat = V.MultiplyAdd(g, (V.Load(x, i, lanes, zero) - mu) * r, sumXHat);
            }
            V.Store(sum, b.Sum, at + j, lanes);
            V.Store(sumXHat, b.SumXHat, at + j, lanes);
        }
    }

    /// <summary>Turns the sums into sum dy / n and rstd sum dy xHat / n; into zeros in evaluation.</summary>
    private static void Average(in BatchStep<T> b, int at, int count)
    {
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), perCase = b.IsTraining ? one / V.Max(V.LoadSplat(b.Counts, b.Step), one) : zero;
        for (int j = 0; j < count; j += V.Width)
        {
            int lanes = count - j;
            V.Store(V.Load(b.Sum, at + j, lanes, zero) * perCase, b.Sum, at + j, lanes);
            V.Store(V.Load(b.SumXHat, at + j, lanes, zero) * V.Load(b.Rstd, at + j, lanes, zero) * perCase, b.SumXHat, at + j, lanes);
        }
    }

    // A row at a time: going down columns, a store would stand in the way of the load of the next row, of which the address ends alike.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Write(
        in BatchStep<T> b, DeviceBuffer<T> x, DeviceBuffer<T> dy, DeviceBuffer<T> dx, DeviceBuffer<T> gain,
        int column, int at, int count, int n)
    {
        int row = (n * (x.Length / b.Cases)) + column;
        DeviceBuffer<T> from = x.Slice(row, count), cotangent = dy.Slice(row, count), to = dx.Slice(row, count);
        DeviceBuffer<T> gains = gain.Slice(column, count);
        DeviceBuffer<T> means = b.Mean.Slice(at, count), rstds = b.Rstd.Slice(at, count);
        DeviceBuffer<T> averages = b.Sum.Slice(at, count), averagesXHat = b.SumXHat.Slice(at, count);
        V zero = V.Splat(T.Zero), weight = b.Padding.Length == 0 ? V.Splat(T.One) : V.LoadSplat(b.Padding, b.Row(n));
        for (int j = 0; j < count; j += V.Width)
        {
            int lanes = count - j;
            V deviation = V.Load(from, j, lanes, zero) - V.Load(means, j, lanes, zero);
            V common = V.MultiplyAdd(deviation, V.Load(averagesXHat, j, lanes, zero), V.Load(averages, j, lanes, zero));
            V scale = V.Load(gains, j, lanes, zero) * V.Load(rstds, j, lanes, zero);
            V.Store(scale * (V.Load(cotangent, j, lanes, zero) - (weight * common)), to, j, lanes);
        }
    }

    private static void AddTo(DeviceBuffer<T> total, DeviceBuffer<T> sums, int column, int at, int count)
    {
        V zero = V.Splat(T.Zero);
        for (int j = 0; j < count && total.Length > 0; j += V.Width)
        {
            int lanes = count - j;
            V.Store(V.Load(total, column + j, lanes, zero) + V.Load(sums, at + j, lanes, zero), total, column + j, lanes);
        }
    }
}
