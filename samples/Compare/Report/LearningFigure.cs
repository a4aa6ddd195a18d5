namespace MiniGrad.Samples.Compare.Report;

/// <summary>Learning curves: a metric against steps or seconds, a panel for each batch size.</summary>
/// <param name="runs">All runs.</param>
/// <param name="settings">Gives the order of panels and curves.</param>
/// <param name="metric">The vertical axis.</param>
/// <param name="progress">The horizontal axis.</param>
internal sealed class LearningFigure(IReadOnlyList<RunResult> runs, ComparisonSettings settings, Metric metric, Progress progress)
    : Picture(settings.Norms)
{
    private readonly MetricNames names = settings.Metrics;

    public override string Name { get; } =
        (metric == Metric.TrainLoss ? "train-loss" : settings.Metrics.ScoresLoss ? "test-loss" : "test-error") +
        (progress == Progress.Steps ? "-by-step" : "-by-second");

    public override string Caption =>
        Capital(metric == Metric.TrainLoss ? $"training {names.Loss} (logarithmic)" : names.Score) +
        (progress == Progress.Steps ? " against steps" : " against seconds of training");

    public override string Explanation =>
        "One panel for each batch size." + (metric == Metric.TrainLoss ? " Lines are running means; curves.csv has the points." : "");

    protected override int PanelCount => settings.BatchSizes.Count;

    protected override Panel PanelAt(int index)
    {
        int batchSize = settings.BatchSizes[index];
        return new(
            $"batch size {batchSize}",
            progress == Progress.Steps ? "training steps" : "seconds of training",
            metric == Metric.TrainLoss ? $"training {names.Loss}" : names.ScoresLoss ? names.Score : $"{names.Score}, %",
            [.. settings.Norms.Select(norm => CurveOf(norm, batchSize))])
        {
            IsLogarithmic = metric == Metric.TrainLoss,
            FromZero = !names.ScoresLoss,
            HasMarkers = metric == Metric.Test,
        };
    }

    private PanelCurve CurveOf(string norm, int batchSize)
    {
        RunResult[] same = [.. runs.Where(run => run.Norm == norm && run.BatchSize == batchSize)];
        return new(norm, Curves.Of(same, names, metric, progress), same.Length > 1);
    }

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
