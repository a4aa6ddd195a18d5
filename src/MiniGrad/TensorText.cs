using System.Globalization;
using System.Numerics;
using System.Text;

namespace MiniGrad;

/// <summary>Formats arrays the way NumPy prints them: nested brackets, four digits, long axes abbreviated to their ends.</summary>
internal static class TensorText
{
    private const int SummarizeAbove = 1000;
    private const int EdgeItems = 3;

    public static string Format<T>(T[] values, Shape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        bool summarize = values.Length > SummarizeAbove;
        int width = Shown(values, shape, summarize).Max(value => Number(value).Length);
        StringBuilder text = new();
        Append(text, values, shape, axis: 0, offset: 0, indent: 1, summarize, width);
        return text.ToString();
    }

    private static void Append<T>(StringBuilder text, T[] values, Shape shape, int axis, int offset, int indent, bool summarize, int width)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (axis == shape.Rank)
        {
            text.Append(Number(values[offset]).PadLeft(width));
            return;
        }
        int step = 1;
        for (int inner = axis + 1; inner < shape.Rank; inner++)
        {
            step *= shape[inner];
        }
        bool last = axis == shape.Rank - 1;
        string separator = last ? ", " : "," + new string('\n', shape.Rank - axis - 1) + new string(' ', indent);
        text.Append('[');
        bool skipping = summarize && shape[axis] > 2 * EdgeItems;
        for (int i = 0; i < shape[axis]; i++)
        {
            if (i > 0)
            {
                text.Append(separator);
            }
            if (skipping && i == EdgeItems)
            {
                text.Append("...").Append(separator);
                i = shape[axis] - EdgeItems;
            }
            Append(text, values, shape, axis + 1, offset + (i * step), indent + 1, summarize, width);
        }
        text.Append(']');
    }

    /// <summary>The values that will be printed, so that columns align without formatting the rest.</summary>
    private static IEnumerable<T> Shown<T>(T[] values, Shape shape, bool summarize)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < values.Length; i++)
        {
            int rest = i;
            bool shown = true;
            for (int axis = shape.Rank - 1; axis >= 0 && summarize; axis--)
            {
                int index = rest % shape[axis];
                rest /= shape[axis];
                shown &= shape[axis] <= 2 * EdgeItems || index < EdgeItems || index >= shape[axis] - EdgeItems;
            }
            if (shown)
            {
                yield return values[i];
            }
        }
    }

    private static string Number<T>(T value)
        where T : unmanaged, IFloatingPointIeee754<T> => value.ToString("0.####;-0.####;0", CultureInfo.InvariantCulture) switch
        {
            "0" or "-0" when value != T.Zero => value.ToString("0.###e+0", CultureInfo.InvariantCulture),
            { Length: > 9 } => value.ToString("0.####e+0", CultureInfo.InvariantCulture),
            var text => text,
        };
}
