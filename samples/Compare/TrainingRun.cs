using System.Diagnostics;
using System.Numerics;

namespace MiniGrad.Samples.Compare;

/// <summary>One network with its optimizer, trained once, with a test after each epoch.</summary>
internal abstract class TrainingRun<T>(string norm, int batchSize, ulong seed) : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Stopwatch clock = new();
    private long step;

    /// <summary>Epochs of the run.</summary>
    public abstract int Epochs { get; }

    /// <summary>Training steps in an epoch.</summary>
    public abstract int StepsPerEpoch { get; }

    /// <summary>How many numbers are trained.</summary>
    protected abstract int ParameterCount { get; }

    /// <summary>A loss that no training comes back from.</summary>
    protected virtual double HopelessLoss => 1e6;

    /// <summary>Trains for all epochs, with a test after each.</summary>
    public RunResult Train(IRunObserver? observer, CancellationToken stop)
    {
        CurveRecorder recorder = new(StepsPerEpoch, Epochs);
        Divergence? diverged = null;
        List<Dynamics> dynamics = [.. Probe("before training")];
        for (int epoch = 0; epoch < Epochs && diverged is null && !stop.IsCancellationRequested; epoch++)
        {
            diverged = TrainEpoch(recorder, observer, stop);
            if (recorder.IsEpochComplete)
            {
                (double loss, double error) = Test();
                diverged = double.IsFinite(loss) ? null : new Divergence(step, loss);
                if (diverged is null)
                {
                    observer?.EndEpoch(recorder.EndEpoch(loss, error));
                }
            }
        }
        if (diverged is null)
        {
            dynamics.AddRange(Probe("after training"));
        }
        return new RunResult(norm, batchSize, seed, ParameterCount)
        {
            Curve = recorder.Curve,
            Epochs = recorder.Epochs,
            Dynamics = dynamics,
            Diverged = diverged,
            StoppedAt = diverged is null && recorder.Epochs.Count < Epochs ? step : null,
            StepsPerSecond = step == 0 ? 0 : step / clock.Elapsed.TotalSeconds,
        };
    }

    public abstract void Dispose();

    /// <summary>Puts the training data in the order of the next epoch.</summary>
    protected abstract void BeginEpoch();

    /// <summary>Trains on the next batch.</summary>
    /// <returns>The mean loss, and of how many cases.</returns>
    protected abstract (double Loss, int Cases) Step();

    /// <summary>Mean loss, and the fraction of wrong answers, on what is not trained on.</summary>
    protected abstract (double Loss, double Error) Test();

    /// <summary>Looks into the network; nothing if there is nothing to see.</summary>
    protected virtual IEnumerable<Dynamics> Probe(string when) => [];

    private Divergence? TrainEpoch(CurveRecorder recorder, IRunObserver? observer, CancellationToken stop)
    {
        clock.Start();
        try
        {
            BeginEpoch();
            for (int i = 0; i < StepsPerEpoch && (i == 0 || !stop.IsCancellationRequested); i++)
            {
                (double loss, int cases) = Step();
                step++;
                if (!double.IsFinite(loss) || loss > HopelessLoss)
                {
                    return new Divergence(step, loss);
                }
                if (recorder.Add(step, loss, cases, clock.Elapsed.TotalSeconds))
                {
                    observer?.Reach(step, loss);
                }
            }
            return null;
        }
        finally
        {
            clock.Stop();
        }
    }
}
