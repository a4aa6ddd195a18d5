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
        using IBackend<T> backend = DevicePicker.Create<T>(settings.Device, settings.Threads);
        OutputDirectory directory = OutputDirectory.Prepare(options.Out, settings.Experiment, options.DryRun);
        string device = DevicePicker.Describe(settings.Device, backend);
        if (options.Verbose)
        {
            output.WriteLine($"device: {device}");
            output.WriteLine($"data: {settings.DataText}");
            output.WriteLine($"runs: {settings.RunCount}, results in {directory.Path}");
        }
        List<RunResult> runs = RunAll(backend, stop);
        Comparison comparison = new(
            ReproducingCommand.For(settings), MachineFacts.Version(), MachineFacts.Of(backend.Name), settings, runs, stop.IsCancellationRequested);
        ConsoleTable.Print(console, comparison);
        foreach (string finding in settings.Findings(runs))
        {
            output.WriteLine(finding);
        }
        directory.Save(comparison);
        string report = Path.Combine(directory.Path, "report.html");
        output.WriteLine(comparison.Stopped ? $"Stopped. Report on what ran: {report}" : $"Report: {report}");
        return comparison.Stopped ? Program.Interrupted : 0;
    }

    private List<RunResult> RunAll<T>(IBackend<T> backend, CancellationToken stop)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        return ProgressDisplay.Show(console, output, settings, observer =>
        {
            List<RunResult> runs = [];
            Experiment<T> experiment = new(settings, backend, observer, stop);
            experiment.WarmUp();
            foreach ((string norm, int batchSize, ulong seed) in settings.Plan)
            {
                if (stop.IsCancellationRequested)
                {
                    break;
                }
                runs.Add(experiment.Run(norm, batchSize, seed));
            }
            return runs;
        });
    }
}
