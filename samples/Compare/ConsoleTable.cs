using MiniGrad.Samples.Compare.Report;
using Spectre.Console;

namespace MiniGrad.Samples.Compare;

/// <summary>Prints the result table.</summary>
internal static class ConsoleTable
{
    public static void Print(IAnsiConsole console, Comparison comparison)
    {
        IReadOnlyList<SummaryRow> rows = Summary.Rows(comparison);
        IReadOnlyList<string> headings = Summary.Headings(comparison.Settings.Metrics, rows);
        Table table = new() { Border = TableBorder.Rounded };
        foreach (string heading in headings)
        {
            bool text = heading is "norm" or "remarks";
            TableColumn column = new(Markup.Escape(heading));
            table.AddColumn(text ? column.LeftAligned() : column.RightAligned());
        }
        int batchSize = rows.Count > 0 ? rows[0].BatchSize : 0;
        foreach (SummaryRow row in rows)
        {
            if (row.BatchSize != batchSize)
            {
                table.AddEmptyRow();
                batchSize = row.BatchSize;
            }
            table.AddRow([.. row.Cells.Take(headings.Count).Select(cell => Markup.Escape(cell.ToString()))]);
        }
        console.Write(table);
    }
}
