using System.Globalization;
using System.Numerics;
using System.Text.Json;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Samples.Compare;

/// <summary>A checked choice of recurrent networks to compare.</summary>
internal sealed record LstmSettings : ComparisonSettings
{
    private static readonly string[] LayerNormPresets =
        [.. RecurrentPresets.Names.Where(name => RecurrentPresets.Named(name).Normalization == RecurrentNormalization.Layer)];

    public required TaskChoice Task { get; init; }

    public required string Cell { get; init; }

    public required string Preset { get; init; }

    public required int Hidden { get; init; }

    public required int Layers { get; init; }

    /// <summary>Training steps between tests.</summary>
    public required int EpochSteps { get; init; }

    public required double Clip { get; init; }

    public required double ForgetBias { get; init; }

    public override string Experiment => "lstm";

    public override string DataText => Task.DataText;

    /// <summary>What losses are multiplied by: in bits for text.</summary>
    public double LossUnit => Task.IsText ? 1 / Math.Log(2) : 1;

    public override string Title => $"Normalization of recurrent networks compared: {Task.Title}";

    public override string Lead =>
        $"{CellName}, {ComparisonSettings.Count(Layers, "layer")} of {Hidden} units, trained with {Optimizer} " +
        $"at learning rate {Word(LearningRate)} for {Epochs * EpochSteps} steps, {Count(Seeds.Count, "seed")}. {Task.Lead}";

    public override string Explanation =>
        $"An epoch here is {EpochSteps} training steps. Train {Metrics.Loss} is the mean over the last of them, " +
        $"each batch as it was met; {Metrics.TestLoss} and {Metrics.TestError} are of all that is kept for tests, after it. " +
        $"{Task.ErrorText} Seconds and steps count training alone.";

    public override MetricNames Metrics => Task.IsText
        ? new("bits per character", "validation", ScoresLoss: true)
        : new("loss", "test", ScoresLoss: false);

    public override IEnumerable<(string Name, string Value)> Lines =>
    [
        ("task", Task.Title),
        ("network", $"{CellName}, {Count(Layers, "layer")} of {Hidden} units, a linear output; " +
            $"forget gates start at bias {Word(ForgetBias)}"),
        ("layer norm", $"preset {Preset}"),
        ("batch norm", $"recurrent, its input statistics {(Task.ReadsAlike ? "those of all steps" : "of each step")}"),
        ("steps per epoch", EpochSteps.ToString(CultureInfo.InvariantCulture)),
        ("longest gradient", Word(Clip)),
    ];

    public override IEnumerable<string> Words =>
    [
        .. Task.Words, "--cell", Cell, "--preset", Preset, "--hidden", Word(Hidden), "--layers", Word(Layers),
        "--epoch-steps", Word(EpochSteps), "--clip", Word(Clip), "--forget-bias", Word(ForgetBias),
    ];

    private string CellName => Cell switch { "lstm" => "LSTM", "gru" => "GRU", _ => "Simple recurrent network" };

    /// <summary>Checks options and loads the data.</summary>
    /// <exception cref="InputException">An option is wrong, or the data cannot be read.</exception>
    public static LstmSettings From(LstmOptions options)
    {
        string cell = Choices.Require("--cell", options.Cell, ["lstm", "gru", "rnn"]);
        string preset = Choices.Require("--preset", options.Preset, LayerNormPresets);
        if (cell == "gru" && RecurrentPresets.Named(preset).Split == GateSplit.Summed)
        {
            throw new InputException(
                $"--preset {preset}: sums the products before it normalizes, which a GRU cannot; take another --preset or --cell.");
        }
        DevicePicker.Require(options.Device);
        TaskChoice task = TaskChoice.From(options);
        LstmSettings settings = new()
        {
            Task = task,
            Cell = cell,
            Preset = preset,
            Norms = Names("--norms", options.Norms, Choices.RecurrentNorms),
            BatchSizes = Numbers("--batch-sizes", options.BatchSizes ?? Word(task.BatchSize), MostCases),
            Hidden = Choices.RequireRange("--hidden", options.Hidden, 1, Choices.MostUnits),
            Layers = Choices.RequireRange("--layers", options.Layers, 1, 100),
            Epochs = Choices.RequireRange("--epochs", options.Epochs ?? task.Epochs, 1, 100_000),
            EpochSteps = Choices.RequireRange("--epoch-steps", options.EpochSteps, 1, 1_000_000),
            Seeds = ParseSeeds(options.Seeds, options.Seed),
            Optimizer = Choices.Require("--optimizer", options.Optimizer, Choices.Optimizers),
            LearningRate = Choices.RequirePositive("--lr", options.LearningRate ?? task.LearningRate),
            Clip = Choices.RequirePositive("--clip", options.Clip),
            ForgetBias = double.IsFinite(options.ForgetBias)
                ? options.ForgetBias : throw new InputException($"--forget-bias {Word(options.ForgetBias)}: must be a number."),
            Dtype = Choices.Require("--dtype", options.Dtype, ["float", "double"]),
            Device = options.Device,
            Tf32 = options.Tf32,
            Threads = options.Threads,
            DryRun = options.DryRun,
        };
        foreach (int size in settings.BatchSizes)
        {
            RequireBatchForStatistics(settings.Norms, size);
            task.RequireBatch(size);
        }
        return settings;
    }

    public override TrainingRun<T> CreateRun<T>(IBackend<T> backend, string norm, int batchSize, ulong seed) =>
        new RecurrentRun<T>(this, backend, norm, batchSize, seed);

    public override ComparisonSettings ForWarmUp(int batchSize) => this with { Hidden = Math.Min(Hidden, 32), Epochs = 1, DryRun = true };

    public override IReadOnlyList<string> Findings(IReadOnlyList<RunResult> runs) => LstmFindings.Of(this, runs);

    public SequenceTask<T> CreateTask<T>(int cases, Philox random)
        where T : unmanaged, IFloatingPointIeee754<T> => Task.Create<T>(cases, random);

    /// <summary>How many cases a batch of tests has.</summary>
    public int TestCases(int most) => Task.TestCases(most);

    /// <summary>A network of a scheme.</summary>
    public RecurrentLayer<T> CreateModel<T>(IBackend<T> backend, string norm, int inputs, int outputs, int steps, Philox random)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        RecurrentOptions scheme = norm == "layer" ? RecurrentPresets.Named(Preset) : Choices.RecurrentNorm(norm);
        scheme = scheme with { ForgetBias = ForgetBias, StatisticsSteps = steps, SharesInputStatistics = Task.ReadsAlike };
        return Cell switch
        {
            "lstm" => new Lstm<T>(backend, inputs, Hidden, random, scheme, Layers, outputs),
            "gru" => new Gru<T>(backend, inputs, Hidden, random, scheme, Layers, outputs),
            _ => new Rnn<T>(backend, inputs, Hidden, random, scheme, Layers, outputs),
        };
    }

    public override void WriteJson(Utf8JsonWriter json)
    {
        json.WriteString("task", Task.Name);
        json.WriteString("cell", Cell);
        json.WriteString("preset", Preset);
        json.WriteNumber("hidden", Hidden);
        json.WriteNumber("layers", Layers);
        json.WriteNumber("length", Task.Steps);
        json.WriteNumber("epochSteps", EpochSteps);
        json.WriteNumber("clip", Clip);
        json.WriteNumber("forgetBias", ForgetBias);
        json.WriteStartObject("data");
        json.WriteString("source", Task.DataText);
        json.WriteEndObject();
    }
}
