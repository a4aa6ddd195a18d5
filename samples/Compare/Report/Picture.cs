using System.Globalization;
using System.Text;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace MiniGrad.Samples.Compare.Report;

/// <summary>Some panels, two side by side, each with a curve for each scheme, and a legend below them.</summary>
/// <param name="norms">The schemes, in the order of the legend.</param>
internal abstract class Picture(IReadOnlyList<string> norms)
{
    private const int PanelWidth = 520, PanelHeight = 380, LegendHeight = 44;
    private const float FontSize = 14;

    /// <summary>The file name without its ending.</summary>
    public abstract string Name { get; }

    /// <summary>What the picture shows.</summary>
    public abstract string Caption { get; }

    /// <summary>How it is to be read, in sentences.</summary>
    public virtual string Explanation => "";

    /// <summary>Pixels across.</summary>
    public int Width => PanelWidth * Columns;

    /// <summary>Pixels down.</summary>
    public int Height => PanelsHeight + LegendHeight;

    // More than two in a row, and a page would show them too small to be read.
    private int Columns => Math.Min(PanelCount, 2);

    private int PanelsHeight => PanelHeight * ((PanelCount + 1) / 2);

    /// <summary>How many panels there are.</summary>
    protected abstract int PanelCount { get; }

    /// <summary>The picture as a PNG file of twice its size, for sharp print.</summary>
    public byte[] ToPng()
    {
        const int Scale = 2;
        using SKSurface surface = SKSurface.Create(new SKImageInfo(Width * Scale, Height * Scale));
        surface.Canvas.Scale(Scale);
        Draw(surface.Canvas);
        using SKImage image = surface.Snapshot();
        // Lines on a flat ground pack as well without filters, and trying them all takes most of the time.
        using SKPixmap pixels = image.PeekPixels();
        using SKData png = pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.None, 4))!;
        return png.ToArray();
    }

    /// <summary>The picture as an SVG file.</summary>
    public string ToSvg()
    {
        using MemoryStream stream = new();
        using (SKCanvas canvas = SKSvgCanvas.Create(SKRect.Create(Width, Height), stream))
        {
            Draw(canvas);
        }
        // A viewer without the embedded font takes the next that is alike.
        const string Family = $"font-family=\"{EmbeddedFonts.Family}";
        string svg = Encoding.UTF8.GetString(stream.ToArray());
        return svg.Replace($"{Family}\"", $"{Family}, Verdana, sans-serif\"", StringComparison.Ordinal);
    }

    /// <summary>What a panel shows.</summary>
    protected abstract Panel PanelAt(int index);

    private void Draw(SKCanvas canvas)
    {
        EmbeddedFonts.Install();
        using (SKPaint white = new() { Color = SKColors.White })
        {
            canvas.DrawRect(0, 0, Width, Height, white);
        }
        for (int i = 0; i < PanelCount; i++)
        {
            using Plot plot = Plot(PanelAt(i));
            plot.RenderManager.ClearCanvasBeforeEachRender = false; // It would clear the other panels too.
            int left = PanelWidth * (i % Columns), top = PanelHeight * (i / Columns);
            plot.Render(canvas, new PixelRect(left, left + PanelWidth, top + PanelHeight, top));
        }
        DrawLegend(canvas);
    }

    private static Plot Plot(Panel panel)
    {
        Plot plot = new();
        plot.Title(panel.Title, FontSize + 2);
        plot.XLabel(panel.X, FontSize);
        plot.YLabel(panel.Y, FontSize);
        plot.Axes.Left.Label.Bold = plot.Axes.Bottom.Label.Bold = false;
        plot.Axes.Left.TickLabelStyle.FontSize = plot.Axes.Bottom.TickLabelStyle.FontSize = FontSize - 2;
        plot.Layout.Fixed(new PixelPadding(72, 18, 58, 40));
        double least = double.MaxValue, most = double.MinValue, end = 0;
        foreach (PanelCurve curve in panel.Curves)
        {
            DrawnPoint[] points = [.. curve.Points.Where(point => point.Least > 0 || !panel.IsLogarithmic)];
            if (points.Length > 0)
            {
                Add(plot, panel, curve, points);
                least = Math.Min(least, points.Min(point => point.Least));
                most = Math.Max(most, points.Max(point => point.Most));
                end = Math.Max(end, points[^1].X);
            }
        }
        if (end > 0)
        {
            plot.Axes.SetLimitsX(0, end * 1.02);
            SetVertical(plot, panel, least, most);
        }
        else
        {
            ShowNothing(plot);
        }
        return plot;
    }

    /// <summary>A panel without points, as of a run stopped before: without numbers too, which would be those of nothing.</summary>
    private static void ShowNothing(Plot plot)
    {
        plot.Axes.SetLimits(0, 1, 0, 1);
        plot.Axes.Left.TickGenerator = plot.Axes.Bottom.TickGenerator = new EmptyTickGenerator();
        ScottPlot.Plottables.Text text = plot.Add.Text("nothing measured", .5, .5);
        text.LabelFontSize = FontSize;
        text.LabelAlignment = Alignment.MiddleCenter;
    }

    private static void Add(Plot plot, Panel panel, PanelCurve curve, DrawnPoint[] points)
    {
        // The axis is linear, so a logarithmic one shows logarithms and names what they are of.
        double Y(double value) => panel.IsLogarithmic ? Math.Log10(value) : value;
        Color color = Color.FromHex(SchemeColors.Of(curve.Norm));
        double[] x = [.. points.Select(point => point.X)];
        if (curve.HasRange)
        {
            double[] least = [.. points.Select(point => Y(point.Least))], most = [.. points.Select(point => Y(point.Most))];
            ScottPlot.Plottables.FillY range = plot.Add.FillY(x, least, most);
            range.FillColor = color.WithAlpha(.15);
            range.LineWidth = 0;
        }
        ScottPlot.Plottables.Scatter line = plot.Add.Scatter(x, (double[])[.. points.Select(point => Y(point.Y))], color);
        line.LineWidth = 2;
        line.MarkerSize = panel.HasMarkers ? 7 : 0;
    }

    private static void SetVertical(Plot plot, Panel panel, double least, double most)
    {
        if (!panel.IsLogarithmic)
        {
            double margin = .08 * (most - (panel.FromZero ? 0 : least));
            plot.Axes.SetLimitsY(panel.FromZero ? 0 : least - margin, most + margin + (most == 0 ? 1 : 0));
            return;
        }
        double low = Math.Log10(least) - .05, high = Math.Log10(most) + .05;
        NumericManual ticks = new();
        bool wide = high - low > 2.5, narrow = high - low < 1;
        int every = Math.Max(1, (int)Math.Ceiling((high - low) / 8)); // Powers, when there are many.
        for (int power = (int)Math.Floor(low); power <= high; power++)
        {
            for (int digit = 1; digit <= 9; digit++)
            {
                double value = digit * Math.Pow(10, power), at = Math.Log10(value);
                if ((digit == 1 && power % every == 0) || narrow || (!wide && digit is 2 or 5))
                {
                    ticks.AddMajor(at, TickLabel(value, power));
                }
                else if (every == 1 || digit == 1)
                {
                    ticks.AddMinor(at);
                }
            }
        }
        plot.Axes.Left.TickGenerator = ticks;
        plot.Axes.SetLimitsY(low, high);
    }

    private static string TickLabel(double value, int power) => power is > -5 and < 6
        ? value.ToString("0.########", CultureInfo.InvariantCulture)
        : value.ToString("0e0", CultureInfo.InvariantCulture);

    private void DrawLegend(SKCanvas canvas)
    {
        const float Line = 28, Gap = 8, Between = 26;
        using SKFont font = new(EmbeddedFonts.Regular, FontSize);
        using SKPaint text = new() { Color = SKColors.Black, IsAntialias = true };
        float x = (Width - norms.Sum(norm => Line + Gap + font.MeasureText(norm)) - (Between * (norms.Count - 1))) / 2;
        float y = PanelsHeight + (LegendHeight / 2) - 6;
        foreach (string norm in norms)
        {
            using SKPaint stroke = new() { Color = SKColor.Parse(SchemeColors.Of(norm)), StrokeWidth = 3, IsAntialias = true };
            canvas.DrawLine(x, y, x + Line, y, stroke);
            canvas.DrawText(norm, x + Line + Gap, y + (FontSize * .36f), font, text);
            x += Line + Gap + font.MeasureText(norm) + Between;
        }
    }
}

/// <summary>A panel of a picture.</summary>
/// <param name="Title">Above it.</param>
/// <param name="X">What the horizontal axis is.</param>
/// <param name="Y">What the vertical axis is.</param>
/// <param name="Curves">One for each scheme.</param>
internal sealed record Panel(string Title, string X, string Y, IReadOnlyList<PanelCurve> Curves)
{
    /// <summary>Whether the vertical axis is logarithmic; values that are not positive are left out then.</summary>
    public bool IsLogarithmic { get; init; }

    /// <summary>Whether a linear vertical axis begins at 0.</summary>
    public bool FromZero { get; init; } = true;

    /// <summary>Whether points are marked.</summary>
    public bool HasMarkers { get; init; }
}

/// <summary>A curve of a panel.</summary>
/// <param name="Norm">The scheme.</param>
/// <param name="Points">From left to right.</param>
/// <param name="HasRange">Whether to draw the range over seeds.</param>
internal sealed record PanelCurve(string Norm, IReadOnlyList<DrawnPoint> Points, bool HasRange);
