namespace MiniGrad.Samples.Compare.Report;

/// <summary>What a figure shows.</summary>
internal enum Metric
{
    TrainLoss,
    Test,
}

/// <summary>What a figure shows it against.</summary>
internal enum Progress
{
    Steps,
    Seconds,
}

/// <summary>A point of a drawn curve: median and range over seeds.</summary>
internal readonly record struct DrawnPoint(double X, double Y, double Least, double Most);

/// <summary>Makes the curves of figures from runs: median and range over seeds.</summary>
internal static class Curves
{
    /// <summary>
    /// The curve of one scheme at one batch size. All its runs have the same steps, so points are joined by their place in the run; where a
    /// run broke down or was stopped, the rest of the curve is that of the others.
    /// </summary>
    public static IReadOnlyList<DrawnPoint> Of(IEnumerable<RunResult> runs, MetricNames names, Metric metric, Progress progress)
    {
        CurvePoint[][] curves = [.. runs.Select(run => (metric == Metric.TrainLoss
            ? Smooth(run.Curve)
            : run.Curve.Where(point => point.Test is not null)).ToArray())];
        List<DrawnPoint> drawn = [];
        for (int i = 0; i < curves.Select(curve => curve.Length).DefaultIfEmpty().Max(); i++)
        {
            CurvePoint[] points = [.. curves.Where(curve => curve.Length > i).Select(curve => curve[i])];
            Spread y = Spread.Of(points.Select(point => metric == Metric.TrainLoss ? point.TrainLoss : names.ScoreOf(point.Test!)))!.Value;
            Spread x = Spread.Of(points.Select(point => progress == Progress.Steps ? point.Step : point.Seconds))!.Value;
            drawn.Add(new DrawnPoint(x.Median, y.Median, y.Least, y.Most));
        }
        return drawn;
    }

    /// <summary>
    /// Each point becomes the mean of itself and its neighbours. At the start, where the loss falls fast, there are fewer of them on both
    /// sides, so that the fall is not blurred; at the end those before it are left, so that the last points are no noisier than the others.
    /// </summary>
    public static IReadOnlyList<CurvePoint> Smooth(IReadOnlyList<CurvePoint> curve)
    {
        const int Neighbours = 4;
        CurvePoint[] smooth = new CurvePoint[curve.Count];
        for (int i = 0; i < curve.Count; i++)
        {
            int reach = Math.Min(Neighbours, i), last = Math.Min(i + reach, curve.Count - 1);
            double sum = 0;
            for (int j = i - reach; j <= last; j++)
            {
                sum += curve[j].TrainLoss;
            }
            smooth[i] = curve[i] with { TrainLoss = sum / (last - i + reach + 1) };
        }
        return smooth;
    }
}
