namespace MiniGrad.Samples.Compare.Report;

/// <summary>What recurrent networks did at each step of a sequence: gradient, gates, hidden state.</summary>
/// <param name="runs">All runs; those of the first batch size are drawn, the median over seeds.</param>
/// <param name="settings">Gives the order of curves.</param>
/// <param name="when">Which of the probes.</param>
internal sealed class DynamicsFigure(IReadOnlyList<RunResult> runs, ComparisonSettings settings, string when) : Picture(settings.Norms)
{
    private static readonly DynamicsPanel[] All =
    [
        new("gradient of the last step's loss by h", "length", probe => probe.GradientNorm, IsLogarithmic: true),
        new(
            "saturated gates", "gates below 0.1 or above 0.9, %", probe => [.. probe.Saturation.Select(value => 100 * value)],
            IsLogarithmic: false),
        new("hidden state", "root mean square of h", probe => probe.HiddenSpread, IsLogarithmic: false),
        new("cell state", "root mean square of c", probe => probe.CellSpread, IsLogarithmic: true),
    ];

    // A simple network has no gates, and only an LSTM has a cell state.
    private readonly DynamicsPanel[] panels =
        [.. All.Where(panel => runs.SelectMany(run => run.Dynamics).Any(probe => panel.Values(probe).Count > 0))];

    public override string Name => $"dynamics-{when.Replace(' ', '-')}";

    public override string Caption => $"Hidden-state dynamics {when}, step by step through a sequence";

    public override string Explanation =>
        "Of one batch of tests, the same for all schemes. A gradient that keeps its length on its way back is what lets a network " +
        "learn from far away; one that shrinks or grows by a factor at each step makes a straight line here.";

    protected override int PanelCount => panels.Length;

    protected override Panel PanelAt(int index)
    {
        DynamicsPanel panel = panels[index];
        return new(panel.Title, "step of the sequence", panel.Y, [.. settings.Norms.Select(norm => CurveOf(norm, panel.Values))])
        {
            IsLogarithmic = panel.IsLogarithmic,
        };
    }

    private PanelCurve CurveOf(string norm, Func<Dynamics, IReadOnlyList<double>> values)
    {
        IReadOnlyList<double>[] lists =
        [
            .. runs.Where(run => run.Norm == norm && run.BatchSize == settings.BatchSizes[0])
                .SelectMany(run => run.Dynamics).Where(probe => probe.When == when).Select(values),
        ];
        List<DrawnPoint> points = [];
        for (int step = 0; lists.Length > 0 && step < lists[0].Count; step++)
        {
            if (Spread.Of(lists.Select(list => list[step]).Where(double.IsFinite)) is { } spread)
            {
                points.Add(new(step + 1, spread.Median, spread.Least, spread.Most));
            }
        }
        return new(norm, points, lists.Length > 1);
    }

    private sealed record DynamicsPanel(string Title, string Y, Func<Dynamics, IReadOnlyList<double>> Values, bool IsLogarithmic);
}
