using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Samples.Compare;

/// <summary>Trains one network after another, as the settings say.</summary>
/// <param name="settings">What is compared.</param>
/// <param name="backend">Where it runs.</param>
/// <param name="observer">Is told how it gets on.</param>
/// <param name="stop">Ends the run in progress after its current step.</param>
internal sealed class MlpExperiment<T>(MlpSettings settings, IBackend<T> backend, IRunObserver observer, CancellationToken stop)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int DryRunSteps = 3, DryRunTests = 100;

    /// <summary>
    /// Trains a small network of each scheme at each batch size for some steps, so that no clock times the compiler.
    /// </summary>
    public void WarmUp()
    {
        const int Steps = 12, Hidden = 64;
        MlpSettings small = settings with { Hidden = [Hidden, Hidden], Epochs = 1 };
        foreach ((string norm, int batchSize, _) in settings.Plan.Take(settings.Norms.Count * settings.BatchSizes.Count))
        {
            ImageSet images = settings.Data.Train.First(batchSize * Steps);
            using NetworkRun<T> run = new(small, backend, norm, batchSize, seed: 0);
            run.Train(images, images, null, stop);
        }
    }

    /// <summary>Trains and tests one network.</summary>
    public RunResult Run(string norm, int batchSize, ulong seed)
    {
        ImageSet train = settings.Data.Train, test = settings.Data.Test;
        if (settings.DryRun)
        {
            (train, test) = (train.First(DryRunSteps * batchSize), test.First(DryRunTests));
        }
        string seedText = settings.Seeds.Count > 1 ? $" seed {seed}" : "";
        using NetworkRun<T> run = new(settings, backend, norm, batchSize, seed);
        observer.Begin($"{norm} batch {batchSize}{seedText}", (long)settings.Epochs * run.StepsPerEpoch(train));
        RunResult result = run.Train(train, test, observer, stop);
        observer.End(result);
        return result;
    }
}
