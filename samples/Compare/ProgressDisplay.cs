using System.Globalization;
using Spectre.Console;

namespace MiniGrad.Samples.Compare;

/// <summary>Is told which runs are begun, from several threads.</summary>
internal interface IProgressDisplay
{
    IRunObserver Begin(string run, long steps);
}

/// <summary>Is told how one run gets on.</summary>
internal interface IRunObserver
{
    void Reach(long step, double loss);

    void EndEpoch(EpochResult epoch);

    void End(RunResult run);
}

/// <summary>Shows how runs get on: bars on a terminal, one line per epoch elsewhere.</summary>
internal static class ProgressDisplay
{
    public static TResult Show<TResult>(
        IAnsiConsole console, TextWriter output, ComparisonSettings settings, Func<IProgressDisplay, TResult> work) =>
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

    private sealed class Bars(ProgressContext context, ComparisonSettings settings) : IProgressDisplay
    {
        private readonly ProgressTask all = context.AddTask("all runs", maxValue: settings.RunCount);

        public IRunObserver Begin(string run, long steps) =>
            new Bar(run, context.AddTask(Markup.Escape(run), maxValue: steps), all, settings.Metrics);
    }

    private sealed class Bar(string name, ProgressTask bar, ProgressTask all, MetricNames metrics) : IRunObserver
    {
        public void Reach(long step, double loss)
        {
            bar.Value = step;
            bar.Description = Markup.Escape(string.Create(CultureInfo.InvariantCulture, $"{name}  loss {loss:0.0000}"));
        }

        public void EndEpoch(EpochResult epoch)
        {
        }

        public void End(RunResult run)
        {
            bar.Description = Markup.Escape($"{name}  {Describe(run, metrics)}");
            bar.StopTask();
            all.Increment(1);
        }
    }

    private sealed class Lines(TextWriter output, ComparisonSettings settings) : IProgressDisplay
    {
        private readonly TextWriter output = TextWriter.Synchronized(output);
        private int begun;

        public IRunObserver Begin(string run, long steps) =>
            new Line($"[{Interlocked.Increment(ref begun)}/{settings.RunCount}] {run}", output, settings.Metrics);
    }

    private sealed class Line(string name, TextWriter output, MetricNames metrics) : IRunObserver
    {
        public void Reach(long step, double loss)
        {
        }

        public void EndEpoch(EpochResult epoch) => output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}  epoch {epoch.Epoch}  train {metrics.Loss} {epoch.TrainLoss:0.0000}  {metrics.TestLoss} {epoch.TestLoss:0.0000}  " +
            $"{metrics.TestError} {epoch.TestError:0.00 %}  {epoch.Seconds:0.0} s"));

        public void End(RunResult run)
        {
            if (run.FinalTestError is null || run.StoppedAt is not null)
            {
                output.WriteLine($"{name}  {Describe(run, metrics)}");
            }
        }
    }
}
