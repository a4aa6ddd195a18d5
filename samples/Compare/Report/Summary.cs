using System.Globalization;

namespace MiniGrad.Samples.Compare.Report;

/// <summary>A row of the result table: one scheme at one batch size, over all seeds.</summary>
internal sealed record SummaryRow(int BatchSize, string Norm, IReadOnlyList<Cell> Cells);

/// <summary>A cell of the result table.</summary>
/// <param name="Text">The value, or the median over seeds.</param>
/// <param name="Range">The range over seeds, if there are several.</param>
internal readonly record struct Cell(string Text, string? Range = null)
{
    public override string ToString() => Range is null ? Text : $"{Text} {Range}";
}

/// <summary>Makes the result table, for the console and the report alike. With several seeds, a cell is the median and the range.</summary>
internal static class Summary
{
    /// <summary>The columns to show: remarks, the last, only if there are any.</summary>
    public static IReadOnlyList<string> Headings(MetricNames metrics, IReadOnlyList<SummaryRow> rows) =>
    [
        "batch", "norm", "parameters", $"train {metrics.Loss}", metrics.TestLoss, metrics.TestError, "s / epoch", "steps / s",
        .. rows.Any(row => row.Cells[^1].Text.Length > 0) ? (string[])["remarks"] : [],
    ];

    public static IReadOnlyList<SummaryRow> Rows(Comparison comparison)
    {
        List<SummaryRow> rows = [];
        foreach (int batchSize in comparison.Settings.BatchSizes)
        {
            foreach (string norm in comparison.Settings.Norms)
            {
                RunResult[] runs = [.. comparison.Runs.Where(run => run.BatchSize == batchSize && run.Norm == norm)];
                if (runs.Length > 0)
                {
                    rows.Add(new SummaryRow(batchSize, norm, Cells(batchSize, norm, runs)));
                }
            }
        }
        return rows;
    }

    private static Cell[] Cells(int batchSize, string norm, RunResult[] runs)
    {
        RunResult[] ended = [.. runs.Where(run => run.FinalTestError is not null)];
        return
        [
            new(batchSize.ToString(CultureInfo.InvariantCulture)),
            new(norm),
            new(runs[0].Parameters.ToString("N0", CultureInfo.InvariantCulture)),
            Text(ended.Select(run => run.Epochs[^1].TrainLoss), "0.0000"),
            Text(ended.Select(run => run.Epochs[^1].TestLoss), "0.0000"),
            Text(ended.Select(run => 100 * run.FinalTestError!.Value), "0.00", " %"),
            Text(runs.Select(run => run.SecondsPerEpoch).OfType<double>(), "0.00"),
            Text(runs.Select(run => run.StepsPerSecond).Where(speed => speed > 0), "0.0"),
            new(string.Join("; ", runs.Select(run => Remark(run, runs.Length > 1)).OfType<string>())),
        ];
    }

    private static Cell Text(IEnumerable<double> values, string format, string unit = "")
    {
        if (Spread.Of(values) is not { } spread)
        {
            return new Cell("-");
        }
        string Number(double value) => value.ToString(format, CultureInfo.InvariantCulture);
        return new Cell(Number(spread.Median) + unit, spread.Count == 1 ? null : $"[{Number(spread.Least)}, {Number(spread.Most)}]");
    }

    private static string? Remark(RunResult run, bool several)
    {
        string seed = several ? $"seed {run.Seed} " : "";
        return run.Diverged is { } diverged
            ? string.Create(CultureInfo.InvariantCulture, $"{seed}diverged at step {diverged.Step}: loss {diverged.Value:G4}")
            : run.StoppedAt is { } step ? $"{seed}stopped at step {step}, in epoch {run.Epochs.Count + 1}"
            : null;
    }
}
