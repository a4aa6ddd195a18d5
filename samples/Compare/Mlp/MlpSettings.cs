using System.Text.Json;
using MiniGrad.Backends;

namespace MiniGrad.Samples.Compare;

/// <summary>A checked choice of perceptrons to compare.</summary>
internal sealed record MlpSettings : ComparisonSettings
{
    /// <summary>Below this size the paper's choice of batch norm's variance is the unbiased one: it has 4, not 128.</summary>
    private const int SmallBatch = 32;

    public required IReadOnlyList<int> Hidden { get; init; }

    public required string Activation { get; init; }

    public required string BatchVariance { get; init; }

    public required ImageData Data { get; init; }

    /// <summary>Where the data were read from; null for the embedded ones.</summary>
    public string? DataDirectory { get; init; }

    public override string Experiment => "mlp";

    public override string DataText => Data.ToString();

    public override string Title => $"Normalization schemes compared on {Data.Source}";

    public override string Lead =>
        $"A {Layers} perceptron ({Activation}), trained with {Optimizer} at learning rate {Word(LearningRate)} for " +
        $"{Count(Epochs, "epoch")}, {Count(Seeds.Count, "seed")}. " +
        "The setting of section 6.6 and figure 6 of Layer Normalization (Ba, Kiros, Hinton 2016).";

    public override string Explanation =>
        "Train loss is the mean over the images of the last epoch, each as it was met; test loss and error are of all test images " +
        "after it. Seconds and steps count training alone.";

    public override MetricNames Metrics { get; } = new("loss", "test", ScoresLoss: false);

    public override IEnumerable<(string Name, string Value)> Lines =>
    [
        ("network", $"{Layers}, {Activation}, He initialization, softmax cross-entropy"),
        ("batch norm's variance", string.Join(
            ", ", BatchSizes.Select(size => $"{(UsesUnbiasedVariance(size) ? "unbiased" : "biased")} at {size}"))),
    ];

    public override IEnumerable<string> Words =>
    [
        "--hidden", string.Join(',', Hidden), "--activation", Activation, "--batch-variance", BatchVariance,
        .. DataDirectory is null ? (string[])[] : ["--data", DataDirectory],
    ];

    private string Layers => $"{Data.Train.PixelsPerImage}-{string.Join('-', Hidden)}-{ImageSet.Classes}";

    /// <summary>Whether batch norm divides by N - 1 at this batch size.</summary>
    public bool UsesUnbiasedVariance(int batchSize) => BatchVariance == "unbiased" || (BatchVariance == "paper" && batchSize < SmallBatch);

    /// <summary>Checks options and loads the data.</summary>
    /// <exception cref="InputException">An option is wrong, or the data cannot be read.</exception>
    public static MlpSettings From(MlpOptions options)
    {
        MlpSettings settings = new()
        {
            Norms = Names("--norms", options.Norms, Choices.Norms),
            BatchSizes = Numbers("--batch-sizes", options.BatchSizes, MostCases),
            Hidden = Numbers("--hidden", options.Hidden, Choices.MostUnits, distinct: false),
            Activation = Choices.Require("--activation", options.Activation, Choices.Activations),
            Epochs = Choices.RequireRange("--epochs", options.Epochs, 1, 100_000),
            Seeds = ParseSeeds(options.Seeds, options.Seed),
            Optimizer = Choices.Require("--optimizer", options.Optimizer, Choices.Optimizers),
            LearningRate = Choices.RequirePositive("--lr", options.LearningRate),
            BatchVariance = Choices.Require("--batch-variance", options.BatchVariance, ["paper", "biased", "unbiased"]),
            Dtype = Choices.Require("--dtype", options.Dtype, ["float", "double"]),
            Device = options.Device,
            Tf32 = options.Tf32,
            Threads = options.Threads,
            DryRun = options.DryRun,
            Data = LoadAfterDeviceCheck(options),
            DataDirectory = options.Data,
        };
        RequireBatchesThatFit(settings);
        RequireWholeGroups(settings);
        return settings;
    }

    public override TrainingRun<T> CreateRun<T>(IBackend<T> backend, string norm, int batchSize, ulong seed) =>
        new MlpRun<T>(this, backend, norm, batchSize, seed);

    public override ComparisonSettings ForWarmUp(int batchSize)
    {
        const int Steps = 12, Small = 64;
        ImageSet images = Data.Train.First(batchSize * Steps);
        return this with { Hidden = [Small, Small], Epochs = 1, DryRun = false, Data = Data with { Train = images, Test = images } };
    }

    public override void WriteJson(Utf8JsonWriter json)
    {
        ResultsJson.WriteArray(json, "hidden", Hidden, json.WriteNumberValue);
        json.WriteString("activation", Activation);
        json.WriteString("batchVariance", BatchVariance);
        json.WriteStartObject("data");
        json.WriteString("source", Data.Source);
        json.WriteNumber("trainImages", Data.Train.Count);
        json.WriteNumber("testImages", Data.Test.Count);
        json.WriteNumber("pixels", Data.Train.PixelsPerImage);
        json.WriteEndObject();
    }

    /// <summary>An unavailable device is reported before large files are read.</summary>
    private static ImageData LoadAfterDeviceCheck(MlpOptions options)
    {
        DevicePicker.Require(options.Device);
        return ImageData.Load(options.Data);
    }

    private static void RequireBatchesThatFit(MlpSettings settings)
    {
        foreach (int size in settings.BatchSizes)
        {
            if (size > settings.Data.Train.Count)
            {
                throw new InputException($"--batch-sizes {size}: there are only {settings.Data.Train.Count} training images.");
            }
            RequireBatchForStatistics(settings.Norms, size);
        }
    }

    private static void RequireWholeGroups(MlpSettings settings)
    {
        const int Groups = 8;
        if (settings.Norms.Contains("group") && settings.Hidden.FirstOrDefault(size => size % Groups != 0) is > 0 and var wrong)
        {
            throw new InputException(
                $"--hidden {wrong}: group norm has {Groups} groups, so sizes must be multiples of {Groups}; or leave it out of --norms.");
        }
    }
}
