using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// The normalization at one place of a recurrent cell (the input product, the recurrent product or the cell state), shared by all steps:
/// gain, perhaps a bias, and batch norm's statistics.
/// </summary>
internal sealed class RecurrentNorm<T> : Module<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly RecurrentOptions options;
    private readonly Parameter<T> gain;
    private readonly StepStatistics<T>? statistics;

    /// <summary>A normalization of the features of <paramref name="groups"/>.</summary>
    public RecurrentNorm(IBackend<T> backend, RecurrentOptions options, GateGroups groups, bool hasBias, bool isShared = false)
    {
        (this.options, Groups, IsShared) = (options, groups, isShared);
        Shape features = new(groups.Features);
        gain = Add(new Parameter<T>(backend, "gain", features).FillConstant(options.InitialGain));
        Bias = hasBias ? Add(new Parameter<T>(backend, "bias", features)) : null;
        if (options.Normalization == RecurrentNormalization.Batch)
        {
            statistics = Add("statistics", new StepStatistics<T>(
                backend, isShared ? 1 : options.StatisticsSteps, groups.Features, options.StatisticsMomentum));
        }
    }

    public GateGroups Groups { get; }

    public Parameter<T>? Bias { get; }

    public StepStatistics<T>? Statistics => statistics;

    /// <summary>Whether one set of statistics serves all steps, which are then normalized together.</summary>
    public bool IsShared { get; }

    /// <summary>Tells the statistics which step of the sequence is the next run's first, and whether they stay as they are.</summary>
    public void Place(int firstStep, bool isFrozen)
    {
        if (statistics is not null)
        {
            (statistics.FirstStep, statistics.IsFrozen) = (firstStep, isFrozen);
        }
    }

    public Tensor<T> Gain(Tape<T> tape) => tape.Watch(gain);

    /// <summary>The bias, or zeros.</summary>
    public Tensor<T> BiasOrZero(Tape<T> tape) => Bias is null ? tape.Filled(new Shape(Groups.Features), T.Zero) : tape.Watch(Bias);

    /// <summary>Normalizes rows from plain ops.</summary>
    /// <param name="a">Rows of the features.</param>
    /// <param name="shift">(D,), added last.</param>
    /// <param name="step">Which time step, for statistics.</param>
    /// <param name="mask">(rows, 1): 1 for cases, 0 for padding, which stays out of statistics; null if there is none.</param>
    /// <param name="phase">Training or evaluation.</param>
    public Tensor<T> Forward(Tensor<T> a, Tensor<T> shift, int step, Tensor<T>? mask, Phase phase) => statistics is null
        ? RowNorm.Apply(a, Gain(a.Tape), shift, Groups, options)
        : BatchNorm(a, shift, step, mask, phase);

    /// <summary>The fused batch norm of all steps, (T, N, D): each by its own statistics, or all by the same if these are shared.</summary>
    public Tensor<T> ForwardSteps(Tensor<T> a, Tensor<T> shift, Tensor<T>? padding, Phase phase)
    {
        Tensor<T> steps = IsShared ? a.Reshape(1, a.Shape[0] * a.Shape[1], a.Shape[2]) : a;
        Tensor<T>? mask = IsShared ? padding?.Reshape(1, -1, 1) : padding;
        BatchStatistics<T> found = StatisticsOf(a.Tape, steps.Shape[0], steps.Shape[1], mask, phase);
        Tensor<T> y = StepBatchNormNode<T>.Apply(steps, Gain(a.Tape), shift, found);
        return IsShared ? y.Reshape(a.Shape) : y;
    }

    /// <summary>Room for the statistics of batch norm over a sequence.</summary>
    public BatchStatistics<T> StatisticsOf(Tape<T> tape, int steps, int cases, Tensor<T>? padding, Phase phase)
    {
        bool isTraining = phase == Phase.Training;
        if (isTraining)
        {
            RecurrentBatch.RequireCases(cases);
        }
        Tensor<T> counts = padding is { } mask ? mask.Sum(1) : tape.Filled(new Shape(steps), T.CreateChecked(cases));
        return new BatchStatistics<T>(
            tape, statistics!, steps, cases, Groups.Features, padding?.Value ?? default, counts.Value, options.Epsilon, isTraining);
    }

    private Tensor<T> BatchNorm(Tensor<T> a, Tensor<T> shift, int step, Tensor<T>? mask, Phase phase)
    {
        Tape<T> tape = a.Tape;
        if (phase == Phase.Evaluation)
        {
            return a.BatchNormEvaluation(Gain(tape), shift, statistics!.At(step), options.Epsilon);
        }
        RecurrentBatch.RequireCases(a.Shape[0]);
        Tensor<T> weights = mask ?? tape.Filled(new Shape(a.Shape[0], 1), T.One), count = weights.Sum();
        Tensor<T> divisor = count.Maximum(tape.Filled(Shape.Scalar, T.One));
        Tensor<T> mean = (weights * a).Sum(0) / divisor, deviation = a - mean;
        Tensor<T> variance = (weights * (deviation * deviation)).Sum(0) / divisor;
        statistics!.Update(tape.Backend, step, mean.Value, variance.Value, count.Value);
        return (Gain(tape) * (deviation / (variance + T.CreateTruncating(options.Epsilon)).Sqrt())) + shift;
    }
}

/// <summary>Checks that recurrent batch norm makes.</summary>
internal static class RecurrentBatch
{
    /// <exception cref="ArgumentException">There is one case only, which has no variance.</exception>
    public static void RequireCases(int cases)
    {
        if (cases < 2)
        {
            throw new ArgumentException(
                "Recurrent batch norm: one case has no batch statistics. Train with batches of 2 or more; " +
                "to use a trained network pass Phase.Evaluation.");
        }
    }
}

/// <summary>Constants made on the device.</summary>
internal static class Filling
{
    /// <summary>A constant tensor with the same number everywhere.</summary>
    public static Tensor<T> Filled<T>(this Tape<T> tape, Shape shape, T value)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tensor<T> filled = tape.NewResult(shape, needsGradient: false);
        tape.Backend.Fill(filled.Value, value);
        return filled;
    }
}
