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
    /// <summary>Makes the statistics of columns and leaves them at <paramref name="at"/>; in evaluation they are there.</summary>
    /// <param name="b">The step.</param>
    /// <param name="x">N rows.</param>
    /// <param name="column">The first column.</param>
    /// <param name="at">Where its statistics are.</param>
    /// <param name="count">How many columns.</param>
    public static void Measure(in BatchStep<T> b, DeviceBuffer<T> x, int column, int at, int count)
    {
        int i = 0, four = 4 * V.Width;
        for (; b.IsTraining && i <= count - four; i += four)
        {
            Measure<Yes>(b, x, column + i, at + i, V.Width);
        }
        for (; b.IsTraining && i < count; i += V.Width)
        {
            Measure<No>(b, x, column + i, at + i, count - i);
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
        int i = 0, four = 4 * V.Width;
        for (; i <= count - four; i += four)
        {
            Sum<Yes>(b, x, dy, column + i, at + i, V.Width);
        }
        for (; i < count; i += V.Width)
        {
            Sum<No>(b, x, dy, column + i, at + i, count - i);
        }
        AddTo(dgain, b.SumXHat, column, at, count);
        AddTo(dshift, b.Sum, column, at, count);
        Average(b, at, count);
        Write(b, x, dy, dx, gain, column, at, count);
    }

    // Four vectors of columns side by side: their sums need not wait for each other, and what lies next to each other is read together.
    // Means are x0 + avg(x - x0), x0 being the first case: exact for a constant column, and as good for columns far from zero.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Measure<TFour>(in BatchStep<T> b, DeviceBuffer<T> x, int column, int at, int lanes)
        where TFour : IChoice
    {
        int stride = x.Length / b.Cases;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), perCase = one / V.Max(V.LoadSplat(b.Counts, b.Step), one);
        (V mean0, V mean1, V mean2, V mean3) = Load<TFour>(x, column, lanes);
        V sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
        for (int n = 0, i = column; n < b.Cases; n++, i += stride)
        {
            V weight = Weight(b, n, one);
            (V x0, V x1, V x2, V x3) = Load<TFour>(x, i, lanes);
            sum0 = V.MultiplyAdd(x0 - mean0, weight, sum0);
            sum1 = V.MultiplyAdd(x1 - mean1, weight, sum1);
            sum2 = V.MultiplyAdd(x2 - mean2, weight, sum2);
            sum3 = V.MultiplyAdd(x3 - mean3, weight, sum3);
        }
        mean0 = V.MultiplyAdd(sum0, perCase, mean0);
        mean1 = V.MultiplyAdd(sum1, perCase, mean1);
        mean2 = V.MultiplyAdd(sum2, perCase, mean2);
        mean3 = V.MultiplyAdd(sum3, perCase, mean3);
        Store<TFour>(b.Mean, at, lanes, mean0, mean1, mean2, mean3);
        sum0 = sum1 = sum2 = sum3 = zero;
        for (int n = 0, i = column; n < b.Cases; n++, i += stride)
        {
            V weight = Weight(b, n, one);
            (V x0, V x1, V x2, V x3) = Load<TFour>(x, i, lanes);
            sum0 = V.MultiplyAdd((x0 - mean0) * weight, x0 - mean0, sum0);
            sum1 = V.MultiplyAdd((x1 - mean1) * weight, x1 - mean1, sum1);
            sum2 = V.MultiplyAdd((x2 - mean2) * weight, x2 - mean2, sum2);
            sum3 = V.MultiplyAdd((x3 - mean3) * weight, x3 - mean3, sum3);
        }
        Store<TFour>(b.Variance, at, lanes, sum0 * perCase, sum1 * perCase, sum2 * perCase, sum3 * perCase);
        MakeRstd(b, at, TFour.IsMade ? 4 * V.Width : Math.Min(lanes, V.Width));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MakeRstd(in BatchStep<T> b, int at, int count)
    {
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), epsilon = V.Splat(b.Epsilon);
        for (int j = 0; j < count; j += V.Width)
        {
            V.Store(one / V.Sqrt(V.Load(b.Variance, at + j, count - j, zero) + epsilon), b.Rstd, at + j, count - j);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Sum<TFour>(in BatchStep<T> b, DeviceBuffer<T> x, DeviceBuffer<T> dy, int column, int at, int lanes)
        where TFour : IChoice
    {
        int stride = x.Length / b.Cases;
        V zero = V.Splat(T.Zero);
        (V mean0, V mean1, V mean2, V mean3) = Load<TFour>(b.Mean, at, lanes);
        V sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero, sumX0 = zero, sumX1 = zero, sumX2 = zero, sumX3 = zero;
        for (int n = 0, i = column; n < b.Cases; n++, i += stride)
        {
            (V x0, V x1, V x2, V x3) = Load<TFour>(x, i, lanes);
            (V g0, V g1, V g2, V g3) = Load<TFour>(dy, i, lanes);
            sum0 += g0;
            sum1 += g1;
            sum2 += g2;
            sum3 += g3;
            sumX0 = V.MultiplyAdd(g0, x0 - mean0, sumX0);
            sumX1 = V.MultiplyAdd(g1, x1 - mean1, sumX1);
            sumX2 = V.MultiplyAdd(g2, x2 - mean2, sumX2);
            sumX3 = V.MultiplyAdd(g3, x3 - mean3, sumX3);
        }
        (V r0, V r1, V r2, V r3) = Load<TFour>(b.Rstd, at, lanes);
        Store<TFour>(b.Sum, at, lanes, sum0, sum1, sum2, sum3);
        Store<TFour>(b.SumXHat, at, lanes, sumX0 * r0, sumX1 * r1, sumX2 * r2, sumX3 * r3);
    }

    /// <summary>Four vectors, or four times the first <paramref name="lanes"/> numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V, V, V, V) Load<TFour>(DeviceBuffer<T> x, int i, int lanes)
        where TFour : IChoice
    {
        if (TFour.IsMade)
        {
            return (V.Load(x, i), V.Load(x, i + V.Width), V.Load(x, i + (2 * V.Width)), V.Load(x, i + (3 * V.Width)));
        }
        V first = V.Load(x, i, lanes, V.Splat(T.Zero));
        return (first, first, first, first);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TFour>(DeviceBuffer<T> y, int i, int lanes, V y0, V y1, V y2, V y3)
        where TFour : IChoice
    {
        V.Store(y0, y, i, lanes);
        if (TFour.IsMade)
        {
            V.Store(y1, y, i + V.Width);
            V.Store(y2, y, i + (2 * V.Width));
            V.Store(y3, y, i + (3 * V.Width));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Weight(in BatchStep<T> b, int n, V one) => b.Padding.Length == 0 ? one : V.LoadSplat(b.Padding, b.Row(n));

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
        in BatchStep<T> b, DeviceBuffer<T> x, DeviceBuffer<T> dy, DeviceBuffer<T> dx, DeviceBuffer<T> gain, int column, int at, int count)
    {
        int stride = x.Length / b.Cases;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int n = 0, row = column; n < b.Cases; n++, row += stride)
        {
            V weight = Weight(b, n, one);
            for (int j = 0; j < count; j += V.Width)
            {
                int lanes = count - j;
                V deviation = V.Load(x, row + j, lanes, zero) - V.Load(b.Mean, at + j, lanes, zero);
                V common = V.MultiplyAdd(deviation, V.Load(b.SumXHat, at + j, lanes, zero), V.Load(b.Sum, at + j, lanes, zero));
                V scale = V.Load(gain, column + j, lanes, zero) * V.Load(b.Rstd, at + j, lanes, zero);
                V.Store(scale * (V.Load(dy, row + j, lanes, zero) - (weight * common)), dx, row + j, lanes);
            }
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
