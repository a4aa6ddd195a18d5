using System.Globalization;
using Spectre.Console;

namespace MiniGrad.Samples.Compare;

/// <summary>Is told how runs get on.</summary>
internal interface IRunObserver
{
    void Begin(string run, long steps);

    void Reach(long step, double loss);

    void EndEpoch(EpochResult epoch);

    void End(RunResult run);
}

/// <summary>Shows how runs get on: bars on a terminal, one line per epoch elsewhere.</summary>
internal static class ProgressDisplay
{
    public static TResult Show<TResult>(IAnsiConsole console, TextWriter output, ComparisonSettings settings, Func<IRunObserver, TResult> work) =>
        console.Profile.Capabilities.Interactive
            ? console.Progress()
                .AutoClear(true)
                .Columns(
                    new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(),
                    new PercentageColumn(), new RemainingTimeColumn())
                .Start(context => work(new Bars(context, settings)))
            : work(new Lines(output, settings));

    private static string Describe(RunResult run, MetricNames metrics) => run.Diverged is { } diverged
        ? string.Create(CultureInfo.InvariantCulture, $"diverged at step {diverged.Step}: loss {diverged.Value:G4}")
        : run.StoppedAt is { } step ? $"stopped at step {step}"
        : metrics.Describe(run.Epochs[^1]);

    private sealed class Bars(ProgressContext context, ComparisonSettings settings) : IRunObserver
    {
        private readonly ProgressTask all = context.AddTask("all runs", maxValue: settings.RunCount);
        private ProgressTask? current;
        private string name = "";

        public void Begin(string run, long steps)
        {
            name = run;
            current = context.AddTask(Markup.Escape(name), maxValue: steps);
        }

        public void Reach(long step, double loss)
        {
            current!.Value = step;
            current.Description = Markup.Escape(string.Create(CultureInfo.InvariantCulture, $"{name}  loss {loss:0.0000}"));
        }

        public void EndEpoch(EpochResult epoch)
        {
        }

        public void End(RunResult run)
        {
            current!.Description = Markup.Escape($"{name}  {Describe(run, settings.Metrics)}");
            current.StopTask();
            all.Increment(1);
        }
    }

    private sealed class Lines(TextWriter output, ComparisonSettings settings) : IRunObserver
    {
        private int begun;
        private string name = "";

        public void Begin(string run, long steps) => name = $"[{++begun}/{settings.RunCount}] {run}";

        public void Reach(long step, double loss)
        {
        }

        public void EndEpoch(EpochResult epoch) => output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}  epoch {epoch.Epoch}  train {settings.Metrics.Loss} {epoch.TrainLoss:0.0000}  {settings.Metrics.TestLoss} {epoch.TestLoss:0.0000}  " +
            $"{settings.Metrics.TestError} {epoch.TestError:0.00 %}  {epoch.Seconds:0.0} s"));

        public void End(RunResult run)
        {
            if (run.FinalTestError is null || run.StoppedAt is not null)
            {
                output.WriteLine($"{name}  {Describe(run, settings.Metrics)}");
            }
        }
    }
}
