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
    public static TResult Show<TResult>(IAnsiConsole console, TextWriter output, int runs, Func<IRunObserver, TResult> work) =>
        console.Profile.Capabilities.Interactive
            ? console.Progress()
                .AutoClear(true)
                .Columns(
                    new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(),
                    new PercentageColumn(), new RemainingTimeColumn())
                .Start(context => work(new Bars(context, runs)))
            : work(new Lines(output, runs));

    private static string Describe(RunResult run) => run.Diverged is { } diverged
        ? string.Create(CultureInfo.InvariantCulture, $"diverged at step {diverged.Step}: loss {diverged.Value:G4}")
        : run.StoppedAt is { } step ? $"stopped at step {step}"
        : string.Create(CultureInfo.InvariantCulture, $"test error {run.FinalTestError:0.00 %}");

    private sealed class Bars(ProgressContext context, int runs) : IRunObserver
    {
        private readonly ProgressTask all = context.AddTask("all runs", maxValue: runs);
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
            current!.Description = Markup.Escape($"{name}  {Describe(run)}");
            current.StopTask();
            all.Increment(1);
        }
    }

    private sealed class Lines(TextWriter output, int runs) : IRunObserver
    {
        private int begun;
        private string name = "";

        public void Begin(string run, long steps) => name = $"[{++begun}/{runs}] {run}";

        public void Reach(long step, double loss)
        {
        }

        public void EndEpoch(EpochResult epoch) => output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}  epoch {epoch.Epoch}  train loss {epoch.TrainLoss:0.0000}  test loss {epoch.TestLoss:0.0000}  " +
            $"test error {epoch.TestError:0.00 %}  {epoch.Seconds:0.0} s"));

        public void End(RunResult run)
        {
            if (run.FinalTestError is null || run.StoppedAt is not null)
            {
                output.WriteLine($"{name}  {Describe(run)}");
            }
        }
    }
}
