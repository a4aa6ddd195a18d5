using MiniGrad.Samples.Compare;

namespace MiniGrad.Samples.Tests.Compare;

/// <summary>Comparisons with plausible numbers made by a formula, to test what is done with results.</summary>
internal static class MadeUpRuns
{
    public static MlpSettings Settings(Action<MlpOptions>? change = null)
    {
        MlpOptions options = new()
        {
            Norms = MlpOptions.DefaultNorms,
            BatchSizes = "128,4",
            Hidden = "1000,1000",
            Activation = "relu",
            Epochs = 3,
            Seeds = "1",
            Seed = 1,
            Optimizer = "adam",
            LearningRate = 1e-3,
            BatchVariance = "paper",
            Device = "cpu",
            Dtype = "float",
        };
        change?.Invoke(options);
        return MlpSettings.From(options);
    }

    public static Comparison Comparison(ComparisonSettings settings) => new(
        ReproducingCommand.For(settings),
        "0.0.0-test",
        new Machine("A processor", 2, "A system", "A runtime", "cpu", new Schedule(SideBySide: 2, ThreadsEach: 1)),
        settings,
        [.. settings.Plan.Select(run => Run(settings, run.Norm, run.BatchSize, run.Seed))],
        Stopped: false);

    public static RunResult Run(ComparisonSettings settings, string norm, int batchSize, ulong seed)
    {
        int stepsPerEpoch = 8004 / batchSize;
        double speed = 1 + (.3 * settings.Norms.ToList().IndexOf(norm)) + (.05 * seed);
        CurveRecorder recorder = new(stepsPerEpoch, settings.Epochs);
        Random noise = new((int)seed);
        for (int step = 1; step <= settings.Epochs * stepsPerEpoch; step++)
        {
            double epochs = (double)step / stepsPerEpoch;
            double loss = (.02 + (2.3 * Math.Exp(-speed * Math.Sqrt(8 * epochs)))) * (.4 + (1.2 * noise.NextDouble()));
            recorder.Add(step, loss, batchSize, step * 1e-3 * Math.Sqrt(batchSize));
            if (step % stepsPerEpoch == 0)
            {
                recorder.EndEpoch(.2 / speed / epochs, .1 / speed / epochs);
            }
        }
        return new RunResult(norm, batchSize, seed, 1_796_010)
        {
            Curve = recorder.Curve,
            Epochs = recorder.Epochs,
            StepsPerSecond = 1e3 / Math.Sqrt(batchSize),
        };
    }
}
