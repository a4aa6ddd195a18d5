using System.Globalization;
using Spectre.Console;

namespace MiniGrad.PeerBenchmarks;

/// <summary>The table at the end: every figure of every case, and whether it reaches its goal.</summary>
internal static class Report
{
    private const string Met = "met", Missed = "MISSED", Absent = "absent";
    private const int RedirectedWidth = 140;

    public static void Write(IReadOnlyList<CaseResult> results, IReadOnlyList<Goal> goals)
    {
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = RedirectedWidth;
        }
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string column in new[] { "case", "MiniGrad", "against", "its time", "ratio or value", "goal", "verdict" })
        {
            bool isText = column is "case" or "against" or "verdict";
            table.AddColumn(new TableColumn(column) { Alignment = isText ? Justify.Left : Justify.Right, NoWrap = true });
        }
        Dictionary<string, int> counts = new() { [Met] = 0, [Missed] = 0, [Absent] = 0 };
        foreach ((CaseResult result, Figure figure) in results.SelectMany(Figures, (result, figure) => (result, figure)))
        {
            // The strictest of the goals that apply: a second thread has a general one and one for long cases.
            Goal? goal = goals.Where(goal => goal.AppliesTo(result.Name, figure.Measure, figure.PeerUs)).MaxBy(goal => goal.Bound);
            string verdict = goal is null ? "" : figure.Value is not { } value ? Absent : goal.IsMetBy(value) ? Met : Missed;
            if (goal is not null)
            {
                counts[verdict]++;
            }
            table.AddRow(
                result.Name, Time(result.MinigradUs), Markup.Escape(figure.Measure), Time(figure.PeerUs),
                figure.Value is { } shown ? Number(shown) : Markup.Escape(figure.Absence ?? Absent),
                goal is null ? "" : $"{(goal.IsUpperBound ? "<=" : ">=")} {Number(goal.Bound)}", Colored(verdict));
        }
        AnsiConsole.Write(table);
        AnsiConsole.WriteLine(
            $"Goals: {counts[Met]} met, {counts[Missed]} missed, {counts[Absent]} without peer. Ratio = peer's time / MiniGrad's time.");
    }

    /// <summary>One line for a case, as soon as it is measured.</summary>
    public static string Line(CaseResult result)
    {
        IEnumerable<string> figures =
            Figures(result).Select(figure => $"{figure.Measure} {(figure.Value is { } value ? Number(value) : Absent)}");
        return $"{result.Name,-28}{Time(result.MinigradUs),10}  {string.Join("  ", figures)}";
    }

    private static string Colored(string verdict) =>
        verdict switch { Met => $"[green]{verdict}[/]", Missed => $"[red]{verdict}[/]", _ => verdict };

    private static IEnumerable<Figure> Figures(CaseResult result)
    {
        foreach (Row row in result.Rows)
        {
            yield return new(row.Peer, row.PeerUs, row.Ratio, result.Absences.GetValueOrDefault(row.Peer));
        }
        if (result.PercentOfLimit is { } percent)
        {
            yield return new(Goal.Limit, null, percent, null);
        }
        foreach (Fact fact in result.Facts)
        {
            yield return new(fact.Measure, null, fact.Value, null);
        }
    }

    private static string Number(double value) =>
        value.ToString(value >= 100 ? "F0" : value >= 10 ? "F1" : "F2", CultureInfo.InvariantCulture);

    private static string Time(double? microseconds) => microseconds switch
    {
        null => "",
        < 1 => $"{Number(microseconds.Value * 1e3)} ns",
        < 1e3 => $"{Number(microseconds.Value)} us",
        _ => $"{Number(microseconds.Value / 1e3)} ms",
    };

    /// <summary>A peer's ratio, the percentage of the limit, or a fact. No value: the peer is absent.</summary>
    private sealed record Figure(string Measure, double? PeerUs, double? Value, string? Absence);
}
