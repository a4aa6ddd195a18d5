using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Samples.Compare.Report;
using Spectre.Console;

namespace MiniGrad.Samples.Compare;

/// <summary>Runs every seed, batch size and scheme of an experiment, prints the table and writes the report.</summary>
internal sealed class CompareCommand(ComparisonSettings settings, CompareOptions options, TextWriter output)
{
    private readonly IAnsiConsole console = Terminal.Open(output);

    public int Run(CancellationToken stop) => settings.Dtype == "float" ? Run<float>(stop) : Run<double>(stop);

    private int Run<T>(CancellationToken stop)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> backend = DevicePicker.Create<T>(settings.Device, settings.Threads, settings.Tf32);
        Schedule schedule = backend.Name.StartsWith("cpu", StringComparison.Ordinal)
            ? Schedule.Share(settings.Threads, settings.RunCount) : Schedule.OneByOne(settings.Threads);
        OutputDirectory directory = OutputDirectory.Prepare(options.Out, settings.Experiment, options.DryRun);
        string device = DevicePicker.Describe(settings.Device, backend);
        if (options.Verbose)
        {
            output.WriteLine($"device: {device}; {schedule}");
            output.WriteLine($"data: {settings.DataText}");
            output.WriteLine($"runs: {settings.RunCount}, results in {directory.Path}");
        }
        IReadOnlyList<RunResult> runs = RunAll(backend, schedule, stop);
        Comparison comparison = new(
            ReproducingCommand.For(settings), MachineFacts.Version(), MachineFacts.Of(backend.Name, schedule), settings, runs,
            stop.IsCancellationRequested);
        ConsoleTable.Print(console, comparison);
        if (options.Verbose && runs.Sum(run => run.GraphSteps) is > 0 and long graphs)
        {
            output.WriteLine($"{graphs} training steps were launched as graphs");
        }
        if (schedule.Caution is { } caution)
        {
            output.WriteLine(caution);
        }
        foreach (string finding in settings.Findings(runs))
        {
            output.WriteLine(finding);
        }
        directory.Save(comparison);
        string report = Path.Combine(directory.Path, "report.html");
        output.WriteLine(comparison.Stopped ? $"Stopped. Report on what ran: {report}" : $"Report: {report}");
        return comparison.Stopped ? Program.Interrupted : 0;
    }

    /// <summary>Trains on <paramref name="backend"/> itself, or on as many smaller ones as networks train side by side.</summary>
    private IReadOnlyList<RunResult> RunAll<T>(IBackend<T> backend, Schedule schedule, CancellationToken stop)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        IBackend<T>[] backends = schedule.SideBySide == 1
            ? [backend]
            : [.. Enumerable.Range(0, schedule.SideBySide).Select(
                _ => DevicePicker.Create<T>(settings.Device, schedule.ThreadsEach, settings.Tf32))];
        try
        {
            return ProgressDisplay.Show(console, output, settings, display =>
            {
                Experiment<T> experiment = new(settings, backends, display, stop);
                experiment.WarmUp();
                return experiment.Run(DrawOne);
            });
        }
        finally
        {
            foreach (IBackend<T> each in backends)
            {
                each.Dispose();
            }
        }
    }

    /// <summary>Gets what draws compiled, which takes longer than drawing.</summary>
    private void DrawOne(IReadOnlyList<RunResult> runs)
    {
        Picture picture = OutputDirectory.PicturesOf(runs, settings)[0];
        _ = picture.ToSvg();
        _ = picture.ToPng();
    }
}
