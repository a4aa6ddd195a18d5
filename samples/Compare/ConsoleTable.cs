using MiniGrad.Samples.Compare.Report;
using Spectre.Console;

namespace MiniGrad.Samples.Compare;

/// <summary>Prints the result table.</summary>
internal static class ConsoleTable
{
    public static void Print(IAnsiConsole console, Comparison comparison)
    {
        IReadOnlyList<SummaryRow> rows = Summary.Rows(comparison);
        int columns = Summary.Columns(rows);
        Table table = new() { Border = TableBorder.Rounded };
        for (int i = 0; i < columns; i++)
        {
            bool text = SummaryRow.Headings[i] is "norm" or "remarks";
            TableColumn column = new(Markup.Escape(SummaryRow.Headings[i]));
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
            table.AddRow([.. row.Cells.Take(columns).Select(cell => Markup.Escape(cell.ToString()))]);
        }
        console.Write(table);
    }
}
