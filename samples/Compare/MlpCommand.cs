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
            output.WriteLine($"data: {settings.Data}");
            output.WriteLine($"runs: {settings.RunCount}, results in {directory.Path}");
        }
        List<RunResult> runs = RunAll(settings, backend, stop);
        Comparison comparison = new(
            "mlp", ReproducingCommand.For(settings, options.Data), MachineFacts.Version(), MachineFacts.Of(backend.Name), settings, runs,
            stop.IsCancellationRequested);
        ConsoleTable.Print(console, comparison);
        directory.Save(comparison);
        string report = Path.Combine(directory.Path, "report.html");
        output.WriteLine(comparison.Stopped ? $"Stopped. Report on what ran: {report}" : $"Report: {report}");
        return comparison.Stopped ? Program.Interrupted : 0;
    }

    private List<RunResult> RunAll<T>(MlpSettings settings, IBackend<T> backend, CancellationToken stop)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        return ProgressDisplay.Show(console, output, settings.RunCount, observer =>
        {
            List<RunResult> runs = [];
            MlpExperiment<T> experiment = new(settings, backend, observer, stop);
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
