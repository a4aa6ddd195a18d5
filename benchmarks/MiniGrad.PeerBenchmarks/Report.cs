using System.Globalization;
using Spectre.Console;

namespace MiniGrad.PeerBenchmarks;

/// <summary>The table at the end: every figure of every case, and whether it reaches its goal.</summary>
internal static class Report
{
    private const int RedirectedWidth = 140;

    public static void Write(IReadOnlyList<CaseResult> results, IReadOnlyList<Goal> goals)
    {
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string column in new[] { "case", "MiniGrad", "against", "its time", "ratio or value", "goal", "verdict" })
        {
            bool isText = column is "case" or "against" or "verdict";
            table.AddColumn(new TableColumn(column) { Alignment = isText ? Justify.Left : Justify.Right, NoWrap = true });
        }
        int met = 0, missed = 0, absent = 0;
        foreach (CaseResult result in results)
        {
            foreach (Figure figure in Figures(result))
            {
                // The strictest of the goals that apply: a second thread has a general one and one for long cases.
                Goal? goal = goals.Where(goal => goal.AppliesTo(result, figure.Measure)).MaxBy(goal => goal.Bound);
                string verdict = goal is null ? "" : figure.Value is not { } value ? "absent" : goal.IsMetBy(value) ? "met" : "MISSED";
                met += verdict == "met" ? 1 : 0;
                missed += verdict == "MISSED" ? 1 : 0;
                absent += verdict == "absent" ? 1 : 0;
                string color = verdict switch { "met" => "green", "MISSED" => "red", _ => "default" };
                table.AddRow(
                    result.Name, Time(result.MinigradUs), Markup.Escape(figure.Measure), Time(figure.PeerUs),
                    figure.Value is { } shown ? Number(shown) : Markup.Escape(figure.Absence ?? "absent"),
                    goal is null ? "" : $"{(goal.IsUpperBound ? "<=" : ">=")} {Number(goal.Bound)}", $"[{color}]{verdict}[/]");
            }
        }
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = RedirectedWidth;
        }
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLine(
            $"Goals: [green]{met} met[/], [red]{missed} missed[/], {absent} without their peer. Ratio = peer's time / MiniGrad's time.");
    }

    /// <summary>One line for a case, as soon as it is measured.</summary>
    public static string Line(CaseResult result) =>
        $"{result.Name,-32}{Time(result.MinigradUs),10}  {string.Join("  ", Figures(result).Select(figure => figure.ToString()))}";

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
        foreach ((string measure, double value) in result.Facts)
        {
            yield return new(measure, null, value, null);
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

    /// <summary>A peer's ratio, the percentage of the limit, or a fact.</summary>
    private sealed record Figure(string Measure, double? PeerUs, double? Value, string? Absence)
    {
        public override string ToString() => $"{Measure} {(Value is { } value ? Number(value) : "absent")}";
    }
}
