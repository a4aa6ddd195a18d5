using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

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
        Tape<T> tape, StepStatistics<T> tables, int steps, int cases, int features, DeviceBuffer<T> padding, DeviceBuffer<T> counts,
        double epsilon, bool isTraining)
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
            DeviceBuffer<T> mean = common.Mean.Slice(t * features, features), variance = common.Variance.Slice(t * features, features);
            tables.Update(backend, t, mean, variance, common.Counts.Slice(t, 1));
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
