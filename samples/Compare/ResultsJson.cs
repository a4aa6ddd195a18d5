using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace MiniGrad.Samples.Compare;

/// <summary>Writes results.json. A rerun with the same seed writes the same, except for machine, seconds and stepsPerSecond.</summary>
internal static class ResultsJson
{
    /// <summary>Indented, and with characters as they are: nobody embeds this file in HTML.</summary>
    public static JsonWriterOptions Format { get; } = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(Comparison comparison, Stream stream)
    {
        using Utf8JsonWriter json = new(stream, Format);
        json.WriteStartObject();
        json.WriteString("experiment", comparison.Settings.Experiment);
        json.WriteString("command", comparison.Command);
        json.WriteString("version", comparison.Version);
        json.WritePropertyName("machine");
        WriteMachine(json, comparison.Machine);
        json.WritePropertyName("settings");
        WriteSettings(json, comparison.Settings);
        if (comparison.Settings.Findings(comparison.Runs) is { Count: > 0 } findings)
        {
            WriteArray(json, "findings", findings, json.WriteStringValue);
        }
        if (comparison.Stopped)
        {
            json.WriteBoolean("stopped", true);
        }
        json.WriteStartArray("runs");
        foreach (RunResult run in comparison.Runs)
        {
            WriteRun(json, run);
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteMachine(Utf8JsonWriter json, Machine machine)
    {
        json.WriteStartObject();
        json.WriteString("processor", machine.Processor);
        json.WriteNumber("cores", machine.Cores);
        json.WriteString("system", machine.System);
        json.WriteString("runtime", machine.Runtime);
        json.WriteString("device", machine.Device);
        json.WriteNumber("sideBySide", machine.Schedule.SideBySide);
        json.WriteEndObject();
    }

    private static void WriteSettings(Utf8JsonWriter json, ComparisonSettings settings)
    {
        json.WriteStartObject();
        WriteArray(json, "norms", settings.Norms, json.WriteStringValue);
        WriteArray(json, "batchSizes", settings.BatchSizes, json.WriteNumberValue);
        json.WriteNumber("epochs", settings.Epochs);
        WriteArray(json, "seeds", settings.Seeds, json.WriteNumberValue);
        json.WriteString("optimizer", settings.Optimizer);
        json.WriteNumber("learningRate", settings.LearningRate);
        json.WriteString("dtype", settings.Dtype);
        json.WriteString("device", settings.Device);
        json.WriteNumber("threads", settings.Threads);
        json.WriteBoolean("dryRun", settings.DryRun);
        settings.WriteJson(json);
        json.WriteEndObject();
    }

    private static void WriteRun(Utf8JsonWriter json, RunResult run)
    {
        json.WriteStartObject();
        json.WriteString("norm", run.Norm);
        json.WriteNumber("batchSize", run.BatchSize);
        json.WriteNumber("seed", run.Seed);
        json.WriteNumber("parameters", run.Parameters);
        json.WriteStartArray("epochs");
        foreach (EpochResult epoch in run.Epochs)
        {
            json.WriteStartObject();
            json.WriteNumber("epoch", epoch.Epoch);
            json.WriteNumber("step", epoch.Step);
            json.WriteNumber("trainLoss", epoch.TrainLoss);
            json.WriteNumber("testLoss", epoch.TestLoss);
            json.WriteNumber("testError", epoch.TestError);
            json.WriteNumber("seconds", Math.Round(epoch.Seconds, 4));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (run.FinalTestError is { } error)
        {
            json.WriteNumber("finalTestError", error);
        }
        else
        {
            json.WriteNull("finalTestError");
        }
        if (run.Dynamics.Count > 0)
        {
            WriteDynamics(json, run.Dynamics);
        }
        json.WriteNumber("stepsPerSecond", Math.Round(run.StepsPerSecond, 2));
        if (run.GraphSteps > 0)
        {
            json.WriteNumber("graphSteps", run.GraphSteps);
        }
        if (run.Diverged is { } diverged)
        {
            json.WriteStartObject("diverged");
            json.WriteNumber("step", diverged.Step);
            WriteAnyNumber(json, "value", diverged.Value);
            json.WriteEndObject();
        }
        if (run.StoppedAt is { } step)
        {
            json.WriteNumber("stoppedAt", step);
        }
        json.WriteEndObject();
    }

    private static void WriteDynamics(Utf8JsonWriter json, IReadOnlyList<Dynamics> probes)
    {
        json.WriteStartArray("dynamics");
        foreach (Dynamics probe in probes)
        {
            json.WriteStartObject();
            json.WriteString("when", probe.When);
            WriteArray(json, "gradientNorm", probe.GradientNorm, value => WriteAnyNumber(json, value));
            WriteArray(json, "gateSaturation", probe.Saturation, value => WriteAnyNumber(json, value));
            WriteArray(json, "hiddenSpread", probe.HiddenSpread, value => WriteAnyNumber(json, value));
            WriteArray(json, "cellSpread", probe.CellSpread, value => WriteAnyNumber(json, value));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>JSON has no NaN and no infinity: they become the strings "NaN", "Infinity" and "-Infinity".</summary>
    public static void WriteAnyNumber(Utf8JsonWriter json, string name, double value)
    {
        json.WritePropertyName(name);
        WriteAnyNumber(json, value);
    }

    public static void WriteArray<TItem>(Utf8JsonWriter json, string name, IEnumerable<TItem> items, Action<TItem> write)
    {
        json.WriteStartArray(name);
        foreach (TItem item in items)
        {
            write(item);
        }
        json.WriteEndArray();
    }

    private static void WriteAnyNumber(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
        }
    }
}
