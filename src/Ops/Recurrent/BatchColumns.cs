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
        for (int top = 0; top < b.Cases; top += RowsPerGroup)
        {
            Write(b, x, dy, dx, gain, column, at, count, top);
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
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), perCase = one / V.Max(V.LoadSplat(b.Counts, b.Step), one), epsilon = V.Splat(b.Epsilon);
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
            V sum = top == 0 ? zero : V.Load(b.Sum, at + j, lanes, zero), sumXHat = top == 0 ? zero : V.Load(b.SumXHat, at + j, lanes, zero);
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

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Write(
        in BatchStep<T> b, DeviceBuffer<T> x, DeviceBuffer<T> dy, DeviceBuffer<T> dx, DeviceBuffer<T> gain, int column, int at, int count, int top)
    {
        int stride = x.Length / b.Cases, bottom = Math.Min(b.Cases, top + RowsPerGroup);
        DeviceBuffer<T> padding = b.Padding;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), perCase = b.IsTraining ? one / V.Max(V.LoadSplat(b.Counts, b.Step), one) : zero;
        for (int j = 0; j < count; j += V.Width)
        {
            int lanes = count - j;
            V mu = V.Load(b.Mean, at + j, lanes, zero), r = V.Load(b.Rstd, at + j, lanes, zero);
            V scale = V.Load(gain, column + j, lanes, zero) * r;
            V average = V.Load(b.Sum, at + j, lanes, zero) * perCase, averageXHat = V.Load(b.SumXHat, at + j, lanes, zero) * perCase * r;
            for (int n = top, i = (top * stride) + column + j; n < bottom; n++, i += stride)
            {
                V common = V.MultiplyAdd(V.Load(x, i, lanes, zero) - mu, averageXHat, average);
                if (padding.Length > 0)
                {
                    common *= V.LoadSplat(padding, b.Row(n));
                }
                V.Store(scale * (V.Load(dy, i, lanes, zero) - common), dx, i, lanes);
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

/// <summary>One step's batch and where its statistics are.</summary>
internal readonly record struct BatchStep<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Which step.</summary>
    public required int Step { get; init; }

    /// <summary>Whether there is such a normalization.</summary>
    public bool IsPresent => Cases > 0;

    /// <summary>N.</summary>
    public required int Cases { get; init; }

    /// <summary>Whether statistics are those of the batch.</summary>
    public required bool IsTraining { get; init; }

    /// <summary>1 for cases and 0 for padding, a number for each row of every step; empty without padding.</summary>
    public required DeviceBuffer<T> Padding { get; init; }

    /// <summary>The cases of each step that are no padding.</summary>
    public required DeviceBuffer<T> Counts { get; init; }

    /// <summary>Per step and feature.</summary>
    public required DeviceBuffer<T> Mean { get; init; }

    /// <summary>Per step and feature, biased.</summary>
    public required DeviceBuffer<T> Variance { get; init; }

    /// <summary>Per step and feature.</summary>
    public required DeviceBuffer<T> Rstd { get; init; }

    /// <summary>Per step and feature: room for backward's sums of dy.</summary>
    public required DeviceBuffer<T> Sum { get; init; }

    /// <summary>Per step and feature: room for backward's sums of dy xHat.</summary>
    public required DeviceBuffer<T> SumXHat { get; init; }

    /// <summary>Added to the variance.</summary>
    public required T Epsilon { get; init; }

    /// <summary>The row of case <paramref name="n"/> among those of all steps.</summary>
    public int Row(int n) => (Step * Cases) + n;
}

/// <summary>The statistics of one place of a cell over a sequence, and the tables that they move or come from.</summary>
internal readonly struct BatchStatistics<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly StepStatistics<T> tables;
    private readonly BatchStep<T> common;
    private readonly int steps, features;

    /// <summary>Rents memory for the statistics; in evaluation fills it from the tables.</summary>
    public BatchStatistics(
        Tape<T> tape, StepStatistics<T> tables, int steps, int cases, int features, DeviceBuffer<T> padding, DeviceBuffer<T> counts, double epsilon,
        bool isTraining)
    {
        (this.tables, this.steps, this.features) = (tables, steps, features);
        common = new BatchStep<T>
        {
            Step = 0,
            Cases = cases,
            IsTraining = isTraining,
            Padding = padding,
            Counts = counts,
            Mean = tape.Rent<T>(steps * features),
            Variance = isTraining ? tape.Rent<T>(steps * features) : default,
            Rstd = tape.Rent<T>(steps * features),
            Sum = tape.Rent<T>(steps * features),
            SumXHat = tape.Rent<T>(steps * features),
            Epsilon = T.CreateTruncating(epsilon),
        };
        for (int t = 0; t < steps && !isTraining; t++)
        {
            RunningStatistics<T> row = tables.At(t);
            Shape shape = new(features);
            Strides strides = Strides.RowMajor(shape);
            DeviceBuffer<T> mean = common.Mean.Slice(t * features, features), rstd = common.Rstd.Slice(t * features, features);
            tape.Backend.Copy(new CopyCall<T>(row.Mean, strides, mean, strides, shape, T.One, false));
            tape.Backend.Map(new RstdOp<T>(common.Epsilon), row.Variance, rstd);
        }
    }

    /// <summary>The statistics of a step.</summary>
    public BatchStep<T> At(int step) => common with { Step = step };

    /// <summary>Moves the tables, once all steps are done.</summary>
    public void UpdateTables(IBackend<T> backend)
    {
        for (int t = 0; t < steps && common.IsTraining; t++)
        {
            tables.Update(
                backend, t, common.Mean.Slice(t * features, features), common.Variance.Slice(t * features, features), common.Counts.Slice(t, 1));
        }
    }
}

/// <summary>1 / sqrt(x + epsilon), of numbers that nothing is differentiated by.</summary>
internal readonly struct RstdOp<T>(T epsilon) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Output;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Splat(T.One) / V.Sqrt(x + V.Splat(epsilon));

    public V Vjp<V>(V y, V dy)
        where V : struct, IReal<V, T> => dy * (y * y * y) * V.Splat(T.CreateTruncating(-0.5));
}
