using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Samples.Compare;

/// <summary>Trains one network after another, as the settings say.</summary>
/// <param name="settings">What is compared.</param>
/// <param name="backend">Where it runs.</param>
/// <param name="observer">Is told how it gets on.</param>
/// <param name="stop">Ends the run in progress after its current step.</param>
internal sealed class Experiment<T>(ComparisonSettings settings, IBackend<T> backend, IRunObserver observer, CancellationToken stop)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>
    /// Trains a small network of each scheme at each batch size for some steps, so that no clock times the compiler.
    /// </summary>
    public void WarmUp()
    {
        foreach ((string norm, int batchSize, _) in settings.Plan.Take(settings.Norms.Count * settings.BatchSizes.Count))
        {
            using TrainingRun<T> run = settings.ForWarmUp(batchSize).CreateRun(backend, norm, batchSize, seed: 0);
            run.Train(null, stop);
        }
    }

    /// <summary>Trains and tests one network.</summary>
    public RunResult Run(string norm, int batchSize, ulong seed)
    {
        string seedText = settings.Seeds.Count > 1 ? $" seed {seed}" : "";
        using TrainingRun<T> run = settings.CreateRun(backend, norm, batchSize, seed);
        observer.Begin($"{norm} batch {batchSize}{seedText}", (long)run.Epochs * run.StepsPerEpoch);
        RunResult result = run.Train(observer, stop);
        observer.End(result);
        return result;
    }
}
