using System.Globalization;
using System.Numerics;
using System.Text;

namespace MiniGrad;

/// <summary>
/// A tape for people to read: a table, or a graph in the DOT language of Graphviz. Tensors are numbered in the order they were made.
/// </summary>
internal static class TapeText
{
    public static string Table<T>(Tape<T> tape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        List<string[]> rows = [["#", "op", "inputs", "shape", "|gradient|"]];
        foreach (Line line in Lines(tape))
        {
            string inputs = string.Join(", ", line.Inputs.Select(input => $"#{input.Slot} {input.Shape}"));
            rows.Add([$"{line.Number}", line.Op, inputs, $"{line.Shape}", line.Norm]);
        }
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        StringBuilder text = new();
        foreach (string[] row in rows)
        {
            text.Append(row[0].PadLeft(widths[0]));
            for (int column = 1; column < row.Length; column++)
            {
                text.Append("  ").Append(row[column].PadRight(column < row.Length - 1 ? widths[column] : 0));
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    public static string Dot<T>(Tape<T> tape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        StringBuilder text = new("digraph tape {\n  node [shape = box];\n");
        foreach (Line line in Lines(tape))
        {
            string name = line.Op.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
            string norm = line.Norm == NoGradient ? "" : $"\\n|gradient| {line.Norm}";
            text.Append($"  t{line.Number} [label = \"{name}\\n{line.Shape}{norm}\"{(line.IsLeaf ? ", shape = ellipse" : "")}];\n");
            foreach ((int slot, _) in line.Inputs)
            {
                text.Append($"  t{slot} -> t{line.Number};\n");
            }
        }
        return text.Append("}\n").ToString();
    }

    private const string NoGradient = "-";

    private sealed record Line(int Number, string Op, bool IsLeaf, (int Slot, Shape Shape)[] Inputs, Shape Shape, string Norm);

    /// <summary>
    /// Every tensor on the tape: the recorded results, and leaves, among which results that need no gradient count as constants.
    /// </summary>
    private static IEnumerable<Line> Lines<T>(Tape<T> tape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Dictionary<int, TapeNode<T>> makers = tape.Nodes.ToDictionary(node => node.Output.Slot);
        for (int slot = 0; slot < tape.Tensors.Count; slot++)
        {
            Tensor<T> tensor = tape.Tensors.At(tape, slot);
            TapeEntry<T> entry = tape.Tensors[tensor];
            TapeNode<T>? maker = makers.GetValueOrDefault(slot);
            string op = maker is not null ? maker.Op
                : entry.Parameter is { } parameter ? $"parameter {parameter.Path}"
                : entry.NeedsGradient ? "variable" : "constant";
            bool hasGradient = entry.Parameter?.HasGradient ?? entry.HasGradient;
            (int, Shape)[] inputs = maker is null ? [] : [.. maker.Inputs.ToArray().Select(input => (input.Slot, input.Shape))];
            yield return new Line(slot, op, maker is null, inputs, tensor.Shape, hasGradient ? Norm(tensor) : NoGradient);
        }
    }

    private static string Norm<T>(Tensor<T> tensor)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        Math.Sqrt(tensor.GradientToArray().Sum(value => Math.Pow(double.CreateChecked(value), 2)))
            .ToString("G4", CultureInfo.InvariantCulture);
}
