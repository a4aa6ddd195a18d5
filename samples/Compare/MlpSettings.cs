using System.Globalization;

namespace MiniGrad.Samples.Compare;

/// <summary>A checked choice of what to compare.</summary>
internal sealed record MlpSettings
{
    /// <summary>Below this size the paper's choice of batch norm's variance is the unbiased one: it has 4, not 128.</summary>
    private const int SmallBatch = 32;

    private const int MostSeeds = 1000;

    public required IReadOnlyList<string> Norms { get; init; }

    public required IReadOnlyList<int> BatchSizes { get; init; }

    public required IReadOnlyList<int> Hidden { get; init; }

    public required string Activation { get; init; }

    public required int Epochs { get; init; }

    public required IReadOnlyList<ulong> Seeds { get; init; }

    public required string Optimizer { get; init; }

    public required double LearningRate { get; init; }

    public required string BatchVariance { get; init; }

    public required string Dtype { get; init; }

    public required string Device { get; init; }

    public required int Threads { get; init; }

    public required bool DryRun { get; init; }

    public required ImageData Data { get; init; }

    /// <summary>What is trained, in order. Seeds are outermost, so that stopping early leaves the most to compare.</summary>
    public IEnumerable<(string Norm, int BatchSize, ulong Seed)> Plan =>
        from seed in Seeds from batchSize in BatchSizes from norm in Norms select (norm, batchSize, seed);

    /// <summary>The number of networks that are trained.</summary>
    public int RunCount => Seeds.Count * BatchSizes.Count * Norms.Count;

    /// <summary>Whether batch norm divides by N - 1 at this batch size.</summary>
    public bool UsesUnbiasedVariance(int batchSize) => BatchVariance == "unbiased" || (BatchVariance == "paper" && batchSize < SmallBatch);

    /// <summary>Checks options and loads the data.</summary>
    /// <exception cref="InputException">An option is wrong, or the data cannot be read.</exception>
    public static MlpSettings From(MlpOptions options)
    {
        MlpSettings settings = new()
        {
            Norms = Names("--norms", options.Norms, Choices.Norms),
            BatchSizes = Numbers("--batch-sizes", options.BatchSizes),
            Hidden = Numbers("--hidden", options.Hidden, distinct: false),
            Activation = Choices.Require("--activation", options.Activation, Choices.Activations),
            Epochs = options.Epochs is >= 1 and <= 100_000
                ? options.Epochs
                : throw new InputException($"--epochs {options.Epochs}: must be 1 to 100000."),
            Seeds = ParseSeeds(options.Seeds, options.Seed),
            Optimizer = Choices.Require("--optimizer", options.Optimizer, Choices.Optimizers),
            LearningRate = options.LearningRate > 0 && double.IsFinite(options.LearningRate)
                ? options.LearningRate
                : throw new InputException($"--lr {options.LearningRate}: must be a number above 0."),
            BatchVariance = Choices.Require("--batch-variance", options.BatchVariance, ["paper", "biased", "unbiased"]),
            Dtype = Choices.Require("--dtype", options.Dtype, ["float", "double"]),
            Device = options.Device,
            Threads = options.Threads,
            DryRun = options.DryRun,
            Data = LoadAfterDeviceCheck(options),
        };
        RequireBatchesThatFit(settings);
        RequireWholeGroups(settings);
        return settings;
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
            if (size == 1 && settings.Norms.Any(norm => norm.StartsWith("batch", StringComparison.Ordinal)))
            {
                throw new InputException("--batch-sizes 1: batch norm needs at least 2 images in a batch; leave batch out of --norms.");
            }
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

    private static ulong[] ParseSeeds(string text, ulong first)
    {
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length > 1)
        {
            ulong[] seeds = [.. parts.Select(part => ulong.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed)
                ? seed
                : throw new InputException($"--seeds {text}: '{part}' is no seed; seeds are whole numbers from 0."))];
            RequireDistinct("--seeds", text, seeds);
            return seeds;
        }
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= MostSeeds
            ? [.. Enumerable.Range(0, count).Select(i => first + (ulong)i)]
            : throw new InputException($"--seeds {text}: must be how many seeds to run, 1 to {MostSeeds}, or seeds separated by commas.");
    }

    private static string[] Names(string option, string text, IReadOnlyList<string> allowed)
    {
        string[] names = [.. text.Split(',', StringSplitOptions.TrimEntries).Select(name => Choices.Require(option, name, allowed))];
        RequireDistinct(option, text, names);
        return names;
    }

    private static int[] Numbers(string option, string text, bool distinct = true)
    {
        const int Most = 65_536;
        int[] numbers = [.. text.Split(',', StringSplitOptions.TrimEntries).Select(part =>
            int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is >= 1 and <= Most
                ? number
                : throw new InputException($"{option} {text}: '{part}' must be a whole number from 1 to {Most}, or several with commas."))];
        if (distinct)
        {
            RequireDistinct(option, text, numbers);
        }
        return numbers;
    }

    private static void RequireDistinct<TItem>(string option, string text, IReadOnlyCollection<TItem> items)
    {
        if (items.Distinct().Count() != items.Count)
        {
            throw new InputException($"{option} {text}: names one of them twice.");
        }
    }
}
