using System.Globalization;
using System.Text.Json;
using MiniGrad.Backends;
using MiniGrad.Samples.Compare.Report;
using Spectre.Console;

namespace MiniGrad.Samples.Compare;

/// <summary>The verb <c>invariance</c>: prints the paper's Table 1 as measured, and fails if a cell disagrees.</summary>
internal static class InvarianceCommand
{
    public static int Run(InvarianceOptions options, TextWriter output)
    {
        using IBackend<double> backend = DevicePicker.Create<double>("cpu", 0);
        return Present(Invariance.Measure(backend), options.Json, output);
    }

    /// <summary>Prints and writes a table; the exit code says whether all of it agrees with the paper.</summary>
    public static int Present(InvarianceTable table, string? jsonPath, TextWriter output)
    {
        IAnsiConsole console = Terminal.Open(output);
        Print(console, "Table 1: what leaves the normalized summed inputs unchanged", "transformation", table.Cells);
        Print(console, "What that implies for the gradient of any loss by the weights", "identity", table.Twins);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"yes: deviation below {Invariance.InvariantBelow:0e+0}; no: above {Invariance.VariantAbove}. Float64, epsilon 0, no bias."));
        if (jsonPath is not null)
        {
            Save(table, jsonPath);
        }
        int disagreeing = table.Cells.Concat(table.Twins).Count(cell => !cell.Agrees);
        output.WriteLine(disagreeing == 0
            ? $"All {table.Cells.Count} cells and {table.Twins.Count} gradient twins agree with the paper."
            : $"{disagreeing} of {table.Cells.Count + table.Twins.Count} disagree with the paper.");
        return disagreeing == 0 ? 0 : 1;
    }

    private static void Print(IAnsiConsole console, string title, string rowName, IReadOnlyList<InvarianceCell> cells)
    {
        string[] schemes = [.. cells.Select(cell => Choices.NameOf(cell.Scheme)).Distinct()];
        Table table = new() { Border = TableBorder.Rounded, Title = new TableTitle(Markup.Escape(title)) };
        table.AddColumn(rowName);
        foreach (string scheme in schemes)
        {
            table.AddColumn(scheme);
        }
        foreach (InvarianceCell[] row in cells.Chunk(schemes.Length))
        {
            table.AddRow([Markup.Escape(row[0].Statement), .. row.Select(cell => Markup.Escape(Describe(cell)))]);
        }
        console.Write(table);
    }

    private static string Describe(InvarianceCell cell)
    {
        string measured = string.Create(CultureInfo.InvariantCulture, $"{(cell.Expected ? "yes" : "no"),-3} {cell.Deviation:0.0e+00}");
        return cell.Agrees ? measured : measured + " DISAGREES";
    }

    private static void Save(InvarianceTable table, string path)
    {
        try
        {
            OutputDirectory.WriteWhole(path, stream => WriteJson(table, stream));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"--json {path}: cannot be written ({failure.Message.TrimEnd('.')}); name another file.");
        }
    }

    private static void WriteJson(InvarianceTable table, Stream stream)
    {
        using Utf8JsonWriter json = new(stream, ResultsJson.Format);
        json.WriteStartObject();
        WriteCells(json, "cells", "transformation", "invariant", table.Cells);
        WriteCells(json, "twins", "identity", "holds", table.Twins);
        json.WriteEndObject();
    }

    private static void WriteCells(Utf8JsonWriter json, string name, string statement, string verdict, IEnumerable<InvarianceCell> cells)
    {
        json.WriteStartArray(name);
        foreach (InvarianceCell cell in cells)
        {
            json.WriteStartObject();
            json.WriteString("scheme", Choices.NameOf(cell.Scheme));
            json.WriteString(statement, cell.Statement);
            json.WriteBoolean("expected", cell.Expected);
            ResultsJson.WriteAnyNumber(json, "deviation", cell.Deviation);
            json.WriteBoolean(verdict, cell.Invariant);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
