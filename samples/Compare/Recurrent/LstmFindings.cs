using System.Globalization;

namespace MiniGrad.Samples.Compare;

/// <summary>Says of every scheme when it was as good as the plain network was in the end, or that it was not.</summary>
internal static class LstmFindings
{
    private const string Plain = "none";

    public static IReadOnlyList<string> Of(ComparisonSettings settings, IReadOnlyList<RunResult> runs)
    {
        List<string> findings = [];
        foreach (int batchSize in settings.BatchSizes)
        {
            if (ScoresOf(Plain) is not { Count: > 0 } plain)
            {
                continue;
            }
            string final = Text(plain[^1].Value), where = settings.BatchSizes.Count > 1 ? $" at batch size {batchSize}" : "";
            foreach (string norm in settings.Norms.Where(norm => norm != Plain))
            {
                if (ScoresOf(norm) is { Count: > 0 } scores)
                {
                    findings.Add($"{norm}{where}: {Compare(scores, plain[^1], final)}");
                }
            }

            // The median over seeds after each epoch that all of them finished.
            List<Score> ScoresOf(string norm)
            {
                RunResult[] same = [.. runs.Where(run => run.Norm == norm && run.BatchSize == batchSize && run.Diverged is null)];
                return [.. Enumerable.Range(0, same.Length == 0 ? 0 : same.Min(run => run.Epochs.Count)).Select(epoch => new Score(
                    same[0].Epochs[epoch].Step,
                    Spread.Of(same.Select(run => settings.Metrics.ScoreOf(run.Epochs[epoch])))!.Value.Median,
                    Spread.Of(same.Select(run => run.Epochs[epoch].Seconds))!.Value.Median))];
            }
        }
        return findings;

        string Compare(List<Score> scores, Score plain, string final)
        {
            string goal = $"the {settings.Metrics.Score} that {Plain} has after {plain.Step} steps ({final})";
            Score? reached = scores.FirstOrDefault(score => score.Value <= plain.Value);
            return reached is null
                ? $"does not reach {goal} within {scores[^1].Step} steps; its best is {Text(scores.Min(score => score.Value))}."
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"reaches {goal} after {reached.Step} steps{(reached.Step < plain.Step ? "" : ", no sooner")}, " +
                    $"in {reached.Seconds:0.0} s of training instead of {plain.Seconds:0.0} s; it ends at {Text(scores[^1].Value)}.");
        }

        string Text(double score) => settings.Metrics.ScoresLoss
            ? score.ToString("0.000", CultureInfo.InvariantCulture)
            : score.ToString("0.00", CultureInfo.InvariantCulture) + " %";
    }

    private sealed record Score(long Step, double Value, double Seconds);
}
