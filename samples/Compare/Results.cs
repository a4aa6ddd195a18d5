namespace MiniGrad.Samples.Compare;

/// <summary>All that a comparison found out.</summary>
/// <param name="Command">What repeats it.</param>
/// <param name="Version">Of this program, with the commit.</param>
/// <param name="Machine">Where it ran.</param>
/// <param name="Settings">What was asked for.</param>
/// <param name="Runs">In the order of the plan.</param>
/// <param name="Stopped">Whether it was stopped before all had run.</param>
internal sealed record Comparison(
    string Command, string Version, Machine Machine, ComparisonSettings Settings, IReadOnlyList<RunResult> Runs, bool Stopped);

/// <summary>Where a comparison ran: what its timings belong to.</summary>
internal sealed record Machine(string Processor, int Cores, string System, string Runtime, string Device, Schedule Schedule);

/// <summary>One network, trained once.</summary>
/// <param name="Norm">The scheme.</param>
/// <param name="BatchSize">Cases in a batch.</param>
/// <param name="Seed">Of the weights and the order of the training data.</param>
/// <param name="Parameters">How many numbers were trained.</param>
internal sealed record RunResult(string Norm, int BatchSize, ulong Seed, int Parameters)
{
    /// <summary>The epochs that were finished.</summary>
    public IReadOnlyList<EpochResult> Epochs { get; init; } = [];

    /// <summary>The training loss within epochs, and the test at the end of each.</summary>
    public IReadOnlyList<CurvePoint> Curve { get; init; } = [];

    /// <summary>What a recurrent network did at each step of a sequence, before and after training; empty for others.</summary>
    public IReadOnlyList<Dynamics> Dynamics { get; init; } = [];

    /// <summary>Where training broke down, if it did.</summary>
    public Divergence? Diverged { get; init; }

    /// <summary>The step at which the user stopped it, if they did.</summary>
    public long? StoppedAt { get; init; }

    /// <summary>Training steps per second, evaluation not counted.</summary>
    public double StepsPerSecond { get; init; }

    /// <summary>How many of its training steps a GPU launched as graphs.</summary>
    public long GraphSteps { get; init; }

    /// <summary>The test error after the last epoch, as a fraction of 1; null if no epoch was finished or training diverged.</summary>
    public double? FinalTestError => Diverged is null && Epochs.Count > 0 ? Epochs[^1].TestError : null;

    /// <summary>Training seconds per epoch; null if none was finished.</summary>
    public double? SecondsPerEpoch => Epochs.Count > 0 ? Epochs[^1].Seconds / Epochs.Count : null;
}

/// <summary>The state after an epoch.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Step">Training steps so far.</param>
/// <param name="TrainLoss">The mean over the cases of this epoch, each as it was met.</param>
/// <param name="TestLoss">The mean over what is tested on.</param>
/// <param name="TestError">The fraction of wrong answers there.</param>
/// <param name="Seconds">Training time so far, evaluation not counted.</param>
internal sealed record EpochResult(int Epoch, long Step, double TrainLoss, double TestLoss, double TestError, double Seconds);

/// <summary>A point of a learning curve.</summary>
/// <param name="Step">Training steps so far.</param>
/// <param name="Seconds">Training time so far, evaluation not counted.</param>
/// <param name="TrainLoss">The mean over the cases since the point before.</param>
/// <param name="Test">The state after an epoch, on its last point.</param>
internal readonly record struct CurvePoint(long Step, double Seconds, double TrainLoss, EpochResult? Test);

/// <summary>
/// What a recurrent network did with a batch of sequences, step by step: the first number of each list is of the first step.
/// </summary>
/// <param name="When">Before or after training.</param>
/// <param name="GradientNorm">Root mean square over cases of the length of dL/dh_t, L being the loss of the last step.</param>
/// <param name="Saturation">The fraction of logistic gates below 0.1 or above 0.9; empty for a cell without gates.</param>
/// <param name="HiddenSpread">Root mean square of h_t over cases and units.</param>
/// <param name="CellSpread">The same of an LSTM's c_t, as it is carried; empty for other cells.</param>
internal sealed record Dynamics(
    string When, IReadOnlyList<double> GradientNorm, IReadOnlyList<double> Saturation, IReadOnlyList<double> HiddenSpread,
    IReadOnlyList<double> CellSpread);

/// <summary>Where training broke down.</summary>
/// <param name="Step">The training step.</param>
/// <param name="Value">The loss there: not a number, infinite, or above any that training recovers from.</param>
internal sealed record Divergence(long Step, double Value);

/// <summary>Median and range of one quantity over seeds.</summary>
internal readonly record struct Spread(double Median, double Least, double Most, int Count)
{
    /// <summary>The spread of <paramref name="values"/>; null if there are none.</summary>
    public static Spread? Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0)
        {
            return null;
        }
        double below = sorted[(sorted.Length - 1) / 2], above = sorted[sorted.Length / 2];
        return new Spread((below + above) / 2, sorted[0], sorted[^1], sorted.Length);
    }
}
