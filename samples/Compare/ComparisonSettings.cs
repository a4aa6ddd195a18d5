using System.Globalization;
using System.Numerics;
using System.Text.Json;
using MiniGrad.Backends;

namespace MiniGrad.Samples.Compare;

/// <summary>A checked choice of what to compare: what all experiments have in common, and what they have to say to the report.</summary>
internal abstract record ComparisonSettings
{
    /// <summary>The most cases of a batch.</summary>
    protected const int MostCases = 65_536;

    private const int MostSeeds = 1000;

    public required IReadOnlyList<string> Norms { get; init; }

    public required IReadOnlyList<int> BatchSizes { get; init; }

    public required int Epochs { get; init; }

    public required IReadOnlyList<ulong> Seeds { get; init; }

    public required string Optimizer { get; init; }

    public required double LearningRate { get; init; }

    public required string Dtype { get; init; }

    public required string Device { get; init; }

    public bool Tf32 { get; init; }

    public required int Threads { get; init; }

    public required bool DryRun { get; init; }

    /// <summary>The verb.</summary>
    public abstract string Experiment { get; }

    /// <summary>What is trained and tested on, in words.</summary>
    public abstract string DataText { get; }

    /// <summary>The heading of the report.</summary>
    public abstract string Title { get; }

    /// <summary>What is trained, in a sentence.</summary>
    public abstract string Lead { get; }

    /// <summary>How the table is to be read, in a sentence.</summary>
    public abstract string Explanation { get; }

    /// <summary>What the figures are called.</summary>
    public abstract MetricNames Metrics { get; }

    /// <summary>The lines of the report's settings that only this experiment has.</summary>
    public abstract IEnumerable<(string Name, string Value)> Lines { get; }

    /// <summary>The options that only this experiment has, spelled out.</summary>
    public abstract IEnumerable<string> Words { get; }

    /// <summary>What is trained, in order. Seeds are outermost, so that stopping early leaves the most to compare.</summary>
    public IEnumerable<(string Norm, int BatchSize, ulong Seed)> Plan =>
        from seed in Seeds from batchSize in BatchSizes from norm in Norms select (norm, batchSize, seed);

    /// <summary>The number of networks that are trained.</summary>
    public int RunCount => Seeds.Count * BatchSizes.Count * Norms.Count;

    /// <summary>A network to be trained and tested.</summary>
    public abstract TrainingRun<T> CreateRun<T>(IBackend<T> backend, string norm, int batchSize, ulong seed)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>The same in small and short, to get everything compiled.</summary>
    public abstract ComparisonSettings ForWarmUp(int batchSize);

    /// <summary>What the runs say together, in sentences.</summary>
    public virtual IReadOnlyList<string> Findings(IReadOnlyList<RunResult> runs) => [];

    /// <summary>Writes the settings that only this experiment has.</summary>
    public abstract void WriteJson(Utf8JsonWriter json);

    /// <summary>The number in the words of reports and commands.</summary>
    protected static string Word(double number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>So many of these: 1 epoch, 2 epochs.</summary>
    public static string Count(int count, string what) => $"{count} {what}{(count == 1 ? "" : "s")}";

    /// <summary>Refuses batch norm of a single case.</summary>
    protected static void RequireBatchForStatistics(IEnumerable<string> norms, int size)
    {
        if (size == 1 && norms.Any(norm => norm.StartsWith("batch", StringComparison.Ordinal)))
        {
            throw new InputException("--batch-sizes 1: batch norm needs at least 2 cases in a batch; leave batch out of --norms.");
        }
    }

    protected static ulong[] ParseSeeds(string text, ulong first)
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

    protected static string[] Names(string option, string text, IReadOnlyList<string> allowed)
    {
        string[] names = [.. text.Split(',', StringSplitOptions.TrimEntries).Select(name => Choices.Require(option, name, allowed))];
        RequireDistinct(option, text, names);
        return names;
    }

    protected static int[] Numbers(string option, string text, int most, bool distinct = true)
    {
        int[] numbers = [.. text.Split(',', StringSplitOptions.TrimEntries).Select(part =>
            int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= most
                ? number
                : throw new InputException(
                    $"{option} {text}: '{part}' must be a whole number from 1 to {most}, or several with commas."))];
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

/// <summary>What the figures of an experiment are called.</summary>
/// <param name="Loss">The loss and its unit.</param>
/// <param name="HeldOut">What is tested on: test or validation.</param>
/// <param name="ScoresLoss">Whether tests are judged by their loss, or else by their error.</param>
internal sealed record MetricNames(string Loss, string HeldOut, bool ScoresLoss)
{
    public string TestLoss => $"{HeldOut} {Loss}";

    public string TestError => $"{HeldOut} error";

    /// <summary>What tests are judged by.</summary>
    public string Score => ScoresLoss ? TestLoss : TestError;

    /// <summary>The score of a test, as it is drawn: an error in percent.</summary>
    public double ScoreOf(EpochResult epoch) => ScoresLoss ? epoch.TestLoss : 100 * epoch.TestError;

    /// <summary>The score of a test in words.</summary>
    public string Describe(EpochResult epoch) =>
        string.Create(
            CultureInfo.InvariantCulture, $"{Score} {(ScoresLoss ? $"{epoch.TestLoss:0.000}" : $"{100 * epoch.TestError:0.00} %")}");
}
