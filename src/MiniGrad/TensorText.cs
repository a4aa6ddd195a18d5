using System.Numerics;
using System.Text;

namespace MiniGrad;

/// <summary>
/// Arrays as NumPy prints them: nested brackets, aligned columns, a blank line between matrices, lines of at most 75 characters, and above
/// 1000 elements only the ends of each axis.
/// </summary>
internal static class TensorText
{
    private const int SummarizeAbove = 1000;
    private const int EdgeItems = 3;
    private const int LineWidth = 75;
    private const string Omission = "...";

    public static string Format<T>(T[] values, Shape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (shape.Rank == 0)
        {
            return NumberColumn<T>.Scalar(values[0]);
        }
        bool summarize = values.Length > SummarizeAbove;
        NumberColumn<T> column = new(Shown(values, shape, summarize));
        StringBuilder text = new();
        AppendAxis(new Layout<T>(text, values, shape, column, summarize), axis: 0, offset: 0);
        return text.ToString();
    }

    private sealed record Layout<T>(StringBuilder Text, T[] Values, Shape Shape, NumberColumn<T> Column, bool Summarize)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>
    /// Writes <c>[item item ...]</c>, where an item is a number or, on outer axes, such a list again on a line of its own.
    /// </summary>
    private static void AppendAxis<T>(Layout<T> layout, int axis, int offset)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (StringBuilder text, Shape shape) = (layout.Text, layout.Shape);
        int extent = shape[axis], inner = shape.Rank - axis - 1, step = 1;
        for (int i = axis + 1; i < shape.Rank; i++)
        {
            step *= shape[i];
        }
        bool omits = layout.Summarize && extent > 2 * EdgeItems;
        int line = axis + 1; // The length of the line so far: brackets of outer axes, or the spaces under them.
        text.Append('[');
        for (int i = 0; i < extent; i++)
        {
            if (omits && i == EdgeItems)
            {
                Separate(text, axis, inner, Omission.Length, ref line);
                text.Append(Omission);
                i = extent - EdgeItems;
            }
            if (i > 0)
            {
                Separate(text, axis, inner, layout.Column.Width, ref line);
            }
            if (inner > 0)
            {
                AppendAxis(layout, axis + 1, offset + (i * step));
            }
            else
            {
                text.Append(layout.Column.Format(layout.Values[offset + i]));
                line += i == 0 ? layout.Column.Width : 0;
            }
        }
        text.Append(']');
    }

    /// <summary>
    /// Numbers are separated by a space, or a new line where the next would pass the line's end; rows by one new line, matrices by two.
    /// </summary>
    private static void Separate(StringBuilder text, int axis, int inner, int nextWidth, ref int line)
    {
        bool wraps = inner == 0 && line + 1 + nextWidth > LineWidth - axis - 1;
        if (inner == 0 && !wraps)
        {
            text.Append(' ');
            line += 1 + nextWidth;
            return;
        }
        while (text[^1] == ' ')
        {
            text.Length--;
        }
        text.Append('\n', Math.Max(1, inner)).Append(' ', axis + 1);
        line = axis + 1 + nextWidth;
    }

    /// <summary>The values that will be printed: they alone decide the format.</summary>
    private static List<T> Shown<T>(T[] values, Shape shape, bool summarize)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        List<T> shown = [];
        for (int i = 0; i < values.Length; i++)
        {
            int rest = i;
            bool isShown = true;
            for (int axis = shape.Rank - 1; axis >= 0 && summarize; axis--)
            {
                rest = Math.DivRem(rest, shape[axis], out int index);
                isShown &= shape[axis] <= 2 * EdgeItems || index < EdgeItems || index >= shape[axis] - EdgeItems;
            }
            if (isShown)
            {
                shown.Add(values[i]);
            }
        }
        return shown;
    }
}
