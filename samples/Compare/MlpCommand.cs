using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Samples.Compare.Report;
using Spectre.Console;

namespace MiniGrad.Samples.Compare;

/// <summary>The verb <c>mlp</c>: runs every seed, batch size and scheme, prints the table and writes the report.</summary>
internal sealed class MlpCommand(MlpOptions options, TextWriter output)
{
    private readonly IAnsiConsole console = Terminal.Open(output);

    public int Run(CancellationToken stop)
    {
        MlpSettings settings = MlpSettings.From(options);
        return settings.Dtype == "float" ? Run<float>(settings, stop) : Run<double>(settings, stop);
    }

    private int Run<T>(MlpSettings settings, CancellationToken stop)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> backend = DevicePicker.Create<T>(settings.Device, settings.Threads);
        OutputDirectory directory = OutputDirectory.Prepare(options.Out, "mlp", options.DryRun);
        string device = DevicePicker.Describe(settings.Device, backend);
        if (options.Verbose)
        {
            output.WriteLine($"device: {device}");
            output.WriteLine($"data: {settings.Data.Source}, {settings.Data.Train.Count} training and {settings.Data.Test.Count} test images");
            output.WriteLine($"runs: {settings.RunCount}, results in {directory.Path}");
        }
        List<RunResult> runs = RunAll(settings, backend, stop);
        Comparison comparison = new(
            "mlp", ReproducingCommand.For(settings, options.Data), MachineFacts.Version(), MachineFacts.Of(backend.Name), settings, runs, stop.IsCancellationRequested);
        ConsoleTable.Print(console, comparison);
        directory.Save(comparison);
        output.WriteLine($"{(comparison.Stopped ? "Stopped. Report on what ran: " : "Report: ")}{Path.Combine(directory.Path, "report.html")}");
        return comparison.Stopped ? Program.Interrupted : 0;
    }

    /// <summary>Seeds are outermost, so that a comparison that is stopped early has compared as much as it can.</summary>
    private List<RunResult> RunAll<T>(MlpSettings settings, IBackend<T> backend, CancellationToken stop)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        return ProgressDisplay.Show(console, output, settings.RunCount, observer =>
        {
            List<RunResult> runs = [];
            MlpExperiment<T> experiment = new(settings, backend, observer, stop);
            experiment.WarmUp();
            foreach ((ulong seed, int batchSize, string norm) in
                from seed in settings.Seeds from batchSize in settings.BatchSizes from norm in settings.Norms select (seed, batchSize, norm))
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
