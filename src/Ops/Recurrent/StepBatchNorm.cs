using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Batch normalization of the input's part of a recurrent cell, (T, N, G), every step by its own statistics, fused; the equations are
/// those of <see cref="BatchColumns{T, V}"/>. An item of the kernels is a run of columns of one step. Saves mean and rstd per step and
/// feature.
/// </summary>
internal sealed class StepBatchNormNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private BatchStatistics<T> statistics;

    public override string Op => "StepBatchNorm";

    /// <summary>gain xHat + shift; the tables move to the batch's statistics.</summary>
    public static Tensor<T> Apply(Tensor<T> a, Tensor<T> gain, Tensor<T> shift, in BatchStatistics<T> statistics)
    {
        Tape<T> tape = Operands.TapeOf("StepBatchNorm", a, gain, shift);
        Tensor<T> y = tape.NewResult(a.Shape, a.NeedsGradient || gain.NeedsGradient || shift.NeedsGradient);
        StepColumns columns = new(a.Shape);
        tape.Backend.Run(
            new StepBatchNormForward<T>(a.Value, gain.Value, shift.Value, y.Value, statistics.At(0), columns), columns.Items, 1);
        statistics.UpdateTables(tape.Backend);
        if (y.NeedsGradient)
        {
            tape.Record<StepBatchNormNode<T>>(y, a, gain, shift).statistics = statistics;
        }
        return y;
    }

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> a = Inputs[0], gain = Inputs[1], shift = Inputs[2];
        StepColumns columns = new(a.Shape);
        int steps = columns.Steps, features = columns.Features;
        GradientSink<T> da = a.GradientSink();
        using Scratch<T> own = backend.Pool.RentScratch<T>(da.IsWanted && !da.Accumulate ? 0 : a.Shape.ElementCount);
        using Scratch<T> sums = backend.Pool.RentScratch<T>(2 * steps * features);
        backend.Fill(sums.Buffer, T.Zero);
        DeviceBuffer<T> dx = da.IsWanted && !da.Accumulate ? da.Buffer : own.Buffer, dgain = sums.Buffer.Slice(0, steps * features);
        DeviceBuffer<T> dshift = sums.Buffer.Slice(steps * features, steps * features);
        backend.Run(
            new StepBatchNormBackward<T>(a.Value, gain.Value, Output.Gradient, dx, dgain, dshift, statistics.At(0), columns),
            columns.Items, 1);
        if (da.IsWanted && da.Accumulate)
        {
            Strides strides = Strides.RowMajor(a.Shape);
            backend.Copy(new CopyCall<T>(dx, strides, da.Buffer, strides, a.Shape, T.One, true));
        }
        SumSteps(backend, dgain, gain.GradientSink(), steps);
        SumSteps(backend, dshift, shift.GradientSink(), steps);
    }

    private static void SumSteps(IBackend<T> backend, DeviceBuffer<T> sums, GradientSink<T> sink, int steps)
    {
        if (sink.IsWanted)
        {
            backend.Reduce(
                default(SumReduction<T>), new ReduceCall<T>(sums, sink.Buffer, 1, steps, sink.Buffer.Length, T.One, sink.Accumulate));
        }
    }
}

/// <summary>How the columns of all steps are handed out: 256 of one step at a time, so that items share no cache lines.</summary>
internal readonly record struct StepColumns(int Steps, int Cases, int Features)
{
    public const int PerItem = 256;

    public StepColumns(Shape shape)
        : this(shape[0], shape[1], shape[2])
    {
    }

    public int Items => Steps * PerStep;

    private int PerStep => (Features + PerItem - 1) / PerItem;

    /// <summary>The step and the columns of an item.</summary>
    public (int Step, int First, int End) At(int item)
    {
        int first = item % PerStep * PerItem;
        return (item / PerStep, first, Math.Min(Features, first + PerItem));
    }
}

/// <summary>Two passes for the statistics of an item's columns, one to write.</summary>
internal readonly struct StepBatchNormForward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> shift, DeviceBuffer<T> y, BatchStep<T> batch, StepColumns columns) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => StepSource.Columns + """

        struct Arguments { Buffer<real> x, gain, shift, y; BatchStep batch; StepColumns columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const ColumnTeam team;
            const int cases = k.columns.cases, features = k.columns.features;
            each_column(k.columns, team, first, end, [&](int step, int j, bool is_column)
            {
                const int top = step * cases * features + j, at = step * features + j;
                const Statistics of = measure(k.batch, step, team, is_column, &k.x[top], features, at);
                team.each_row(cases, is_column, [&](int n)
                {
                    const int i = top + n * features;
                    k.y[i] = MultiplyAdd(k.x[i] - of.mean, k.gain[j] * of.rstd, k.shift[j]);
                });
            });
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int item = first; item < end; item++)
        {
            (int step, int start, int stop) = columns.At(item);
            int block = columns.Cases * columns.Features;
            BatchStep<T> b = batch with { Step = step };
            DeviceBuffer<T> from = x.Slice(step * block, block), to = y.Slice(step * block, block);
            BatchColumns<T, V>.Measure(b, from, start, (step * columns.Features) + start, stop - start);
            Write<V>(b, from, to, start, stop);
        }
    }

    // A row at a time, as in BatchColumns.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Write<V>(in BatchStep<T> b, DeviceBuffer<T> from, DeviceBuffer<T> to, int start, int stop)
        where V : struct, ISimd<V, T>
    {
        int statistics = b.Step * columns.Features;
        V zero = V.Splat(T.Zero);
        for (int n = 0, row = 0; n < b.Cases; n++, row += columns.Features)
        {
            for (int column = start; column < stop; column += V.Width)
            {
                int lanes = stop - column;
                V deviation = V.Load(from, row + column, lanes, zero) - V.Load(b.Mean, statistics + column, lanes, zero);
                V scale = V.Load(gain, column, lanes, zero) * V.Load(b.Rstd, statistics + column, lanes, zero);
                V.Store(V.MultiplyAdd(deviation, scale, V.Load(shift, column, lanes, zero)), to, row + column, lanes);
            }
        }
    }
}

/// <summary>Backward of <see cref="StepBatchNormForward{T}"/>; every step leaves its own sums for gain and shift.</summary>
internal readonly struct StepBatchNormBackward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> dy, DeviceBuffer<T> dx, DeviceBuffer<T> dgain, DeviceBuffer<T> dshift,
    BatchStep<T> batch, StepColumns columns) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => StepSource.Columns + """

        struct Arguments { Buffer<real> x, gain, dy, dx, dgain, dshift; BatchStep batch; StepColumns columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const ColumnTeam team;
            const int cases = k.columns.cases, features = k.columns.features;
            each_column(k.columns, team, first, end, [&](int step, int j, bool is_column)
            {
                const int top = step * cases * features + j, at = step * features + j;
                backward(k.batch, step, team, is_column, &k.x[top], &k.dy[top], &k.dx[top], features, at, k.gain[j], k.dgain[at],
                    &k.dshift[at]);
            });
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int item = first; item < end; item++)
        {
            (int step, int start, int stop) = columns.At(item);
            int block = columns.Cases * columns.Features, features = columns.Features;
            BatchStep<T> b = batch with { Step = step };
            BatchColumns<T, V>.Backward(
                b, x.Slice(step * block, block), dy.Slice(step * block, block), dx.Slice(step * block, block), gain,
                dgain.Slice(step * features, features), dshift.Slice(step * features, features),
                start, (step * features) + start, stop - start);
        }
    }
}

/// <summary>Batch norm of the columns of items (<see cref="StepColumns"/>) in the C++ of devices.</summary>
internal static class StepSource
{
    public static string Columns => BatchSource.Columns + $$"""

        struct StepColumns { int steps, cases, features; };

        template <class Body> DEVICE void each_column(const StepColumns& columns, const ColumnTeam& team, int first, int end, Body body)
        {
            const int width = {{StepColumns.PerItem}}, per_step = (columns.features + width - 1) / width;
            for (int item = first; item < end; item++)
            {
                const int step = item / per_step, start = item % per_step * width;
                team.each_column(start, smaller(columns.features, start + width), [&](int j, bool is_column) { body(step, j, is_column); });
            }
        }

        """;
}
