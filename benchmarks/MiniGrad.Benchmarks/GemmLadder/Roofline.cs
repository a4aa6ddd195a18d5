using MiniGrad.Samples.Compare.Report;
using ScottPlot;
using ScottPlot.Plottables;
using ScottPlot.TickGenerators;

namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>A kernel in the picture: operations per byte that its inner loop touches, and operations per second.</summary>
internal sealed record RooflinePoint(string Name, double Intensity, double FlopsPerSecond);

/// <summary>
/// The roofline picture: a loop that does I operations for each byte that it touches is no faster than I times the bytes that the level
/// of memory gives, nor than the arithmetic units. Both axes are logarithmic, so the first limit is a slope and the second a roof.
/// </summary>
internal sealed class Roofline(double peak, (string Name, double BytesPerSecond)[] memories)
{
    private const double LeastIntensity = 0.06, MostIntensity = 12, LeastRate = 0.2e9;

    public void Save(string file, IReadOnlyList<RooflinePoint> points)
    {
        EmbeddedFonts.Install();
        using Plot plot = new();
        double highest = Math.Max(peak, points.Max(point => point.FlopsPerSecond)) * 1.6;
        foreach ((string name, double rate) in memories)
        {
            double corner = Math.Min(peak / rate, MostIntensity);
            Line(plot, LeastIntensity, LeastIntensity * rate, corner, corner * rate);
            // The fastest above its line, which is close to the next; the others below theirs, which climb away from them.
            bool isAbove = name == memories[0].Name;
            double at = 0.065;
            Label(plot, at, at * rate * (isAbove ? 1.15 : 0.92), name).LabelAlignment = isAbove ? Alignment.LowerLeft : Alignment.UpperLeft;
        }
        Line(plot, peak / memories[0].BytesPerSecond, peak, MostIntensity, peak);
        Label(plot, 0.85, peak * 1.13, "arithmetic, 1 thread");
        for (int i = 0; i < points.Count; i++)
        {
            RooflinePoint point = points[i];
            Marker marker = plot.Add.Marker(Math.Log10(point.Intensity), Math.Log10(point.FlopsPerSecond), MarkerShape.FilledCircle, 9);
            marker.Color = Colors.C0;
            // Points are close to each other: labels go to the left and to the right, above and below.
            bool isRight = i is not (2 or 4 or 5);
            double lift = i switch { 0 => 0.9, 1 => 0.8, 3 => 0.83, 4 => 0.85, 7 => 1.1, _ => 1 };
            // The seventh above the roof, away from the slope of far memory.
            double height = i == 6 ? peak * 1.17 : point.FlopsPerSecond * lift;
            Text label = Label(plot, point.Intensity * (isRight ? 1.07 : 0.93), height, point.Name);
            label.LabelAlignment = isRight ? Alignment.MiddleLeft : Alignment.MiddleRight;
        }
        plot.Title("From three loops to the machine's peak", 16);
        plot.XLabel("operations per byte that the inner loop touches");
        plot.YLabel("GFLOP/s");
        plot.Axes.Bottom.TickGenerator = Ticks([0.1, 0.25, 0.5, 1, 2.5, 5, 10], 1);
        plot.Axes.Left.TickGenerator = Ticks([0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500], 1e9);
        plot.Axes.SetLimits(Math.Log10(LeastIntensity), Math.Log10(MostIntensity), Math.Log10(LeastRate), Math.Log10(highest));
        plot.SavePng(file, 1000, 640);
    }

    private static void Line(Plot plot, double x0, double y0, double x1, double y1)
    {
        LinePlot line = plot.Add.Line(Math.Log10(x0), Math.Log10(y0), Math.Log10(x1), Math.Log10(y1));
        line.Color = Colors.Gray;
        line.LineWidth = 1.5f;
    }

    private static Text Label(Plot plot, double x, double y, string text)
    {
        Text label = plot.Add.Text(text, Math.Log10(x), Math.Log10(y));
        label.LabelFontSize = 13;
        label.LabelAlignment = Alignment.MiddleLeft;
        return label;
    }

    // The axes are linear and show logarithms: the ticks name what they are of.
    private static NumericManual Ticks(double[] values, double unit) =>
        new([.. values.Select(value => Math.Log10(value * unit))], [.. values.Select(value => $"{value:0.##}")]);
}
