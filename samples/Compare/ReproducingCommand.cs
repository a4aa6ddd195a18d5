using System.Globalization;

namespace MiniGrad.Samples.Compare;

/// <summary>The command that repeats a comparison: every option that matters for the results, spelled out.</summary>
internal static class ReproducingCommand
{
    public static string For(ComparisonSettings settings)
    {
        List<string> words =
        [
            "dotnet", "run", "-c", "Release", "--project", "samples/Compare", "--", settings.Experiment,
            .. settings.Words,
            "--norms", string.Join(',', settings.Norms),
            "--batch-sizes", string.Join(',', settings.BatchSizes),
            "--epochs", settings.Epochs.ToString(CultureInfo.InvariantCulture),
            .. Seeds(settings.Seeds),
            "--optimizer", settings.Optimizer,
            "--lr", settings.LearningRate.ToString(CultureInfo.InvariantCulture),
            "--dtype", settings.Dtype,
            "--device", settings.Device,
            "--threads", settings.Threads.ToString(CultureInfo.InvariantCulture),
        ];
        if (settings.Tf32)
        {
            words.Add("--tf32");
        }
        if (settings.DryRun)
        {
            words.Add("--dry-run");
        }
        return string.Join(' ', words.Select(Quote));
    }

    /// <summary>A single seed is a count of one from it on, since one number alone is read as a count.</summary>
    private static string[] Seeds(IReadOnlyList<ulong> seeds) => seeds.Count == 1
        ? ["--seeds", "1", "--seed", seeds[0].ToString(CultureInfo.InvariantCulture)]
        : ["--seeds", string.Join(',', seeds)];

    /// <summary>Quoted for a POSIX shell, if it has to be.</summary>
    private static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./,=:+".Contains(c, StringComparison.Ordinal))
            ? word
            : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
