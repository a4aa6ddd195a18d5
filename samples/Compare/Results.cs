namespace MiniGrad.Samples.Compare;

/// <summary>All that a comparison found out.</summary>
/// <param name="Experiment">The verb.</param>
/// <param name="Command">What repeats it.</param>
/// <param name="Version">Of this program, with the commit.</param>
/// <param name="Machine">Where it ran.</param>
/// <param name="Settings">What was asked for.</param>
/// <param name="Runs">In the order they ran.</param>
/// <param name="Stopped">Whether it was stopped before all had run.</param>
internal sealed record Comparison(
    string Experiment, string Command, string Version, Machine Machine, MlpSettings Settings, IReadOnlyList<RunResult> Runs, bool Stopped);

/// <summary>Where a comparison ran: what its timings belong to.</summary>
internal sealed record Machine(string Processor, int Cores, string System, string Runtime, string Device);

/// <summary>One network, trained once.</summary>
/// <param name="Norm">The scheme.</param>
/// <param name="BatchSize">Images in a batch.</param>
/// <param name="Seed">Of the weights and the order of images.</param>
/// <param name="Parameters">How many numbers were trained.</param>
internal sealed record RunResult(string Norm, int BatchSize, ulong Seed, int Parameters)
{
    /// <summary>The epochs that were finished.</summary>
    public IReadOnlyList<EpochResult> Epochs { get; init; } = [];

    /// <summary>The training loss within epochs, and the test at the end of each.</summary>
    public IReadOnlyList<CurvePoint> Curve { get; init; } = [];

    /// <summary>Where training broke down, if it did.</summary>
    public Divergence? Diverged { get; init; }

    /// <summary>The step at which the user stopped it, if they did.</summary>
    public long? StoppedAt { get; init; }

    /// <summary>Training steps per second, evaluation not counted.</summary>
    public double StepsPerSecond { get; init; }

    /// <summary>The test error after the last epoch, as a fraction of 1; null if no epoch was finished or training diverged.</summary>
    public double? FinalTestError => Diverged is null && Epochs.Count > 0 ? Epochs[^1].TestError : null;

    /// <summary>Training seconds per epoch; null if none was finished.</summary>
    public double? SecondsPerEpoch => Epochs.Count > 0 ? Epochs[^1].Seconds / Epochs.Count : null;
}

/// <summary>The state after an epoch.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Step">Training steps so far.</param>
/// <param name="TrainLoss">The mean over the images of this epoch, each as it was met.</param>
/// <param name="TestLoss">The mean over the test images.</param>
/// <param name="TestError">The fraction of test images given a wrong class.</param>
/// <param name="Seconds">Training time so far, evaluation not counted.</param>
internal sealed record EpochResult(int Epoch, long Step, double TrainLoss, double TestLoss, double TestError, double Seconds);

/// <summary>A point of a learning curve.</summary>
/// <param name="Step">Training steps so far.</param>
/// <param name="Seconds">Training time so far, evaluation not counted.</param>
/// <param name="TrainLoss">The mean over the images since the point before.</param>
/// <param name="Test">The state after an epoch, on its last point.</param>
internal readonly record struct CurvePoint(long Step, double Seconds, double TrainLoss, EpochResult? Test);

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
