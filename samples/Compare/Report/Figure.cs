using System.Globalization;
using System.Text;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace MiniGrad.Samples.Compare.Report;

/// <summary>One picture: a metric against steps or seconds, a panel for each batch size, a curve for each scheme.</summary>
/// <param name="runs">All runs.</param>
/// <param name="settings">Gives the order of panels and curves.</param>
/// <param name="metric">The vertical axis.</param>
/// <param name="progress">The horizontal axis.</param>
internal sealed class Figure(IReadOnlyList<RunResult> runs, MlpSettings settings, Metric metric, Progress progress)
{
    private const int PanelWidth = 520, PanelHeight = 380, LegendHeight = 44;
    private const float FontSize = 14;

    /// <summary>The file name without its ending.</summary>
    public string Name { get; } =
        (metric == Metric.TrainLoss ? "train-loss" : "test-error") + (progress == Progress.Steps ? "-by-step" : "-by-second");

    /// <summary>What the picture shows, for captions.</summary>
    public string Caption { get; } =
        (metric == Metric.TrainLoss ? "Training loss (logarithmic)" : "Test error") +
        (progress == Progress.Steps ? " against steps" : " against seconds of training");

    /// <summary>Whether its lines are <see cref="Curves.Smooth">running means</see>.</summary>
    public bool IsSmoothed { get; } = metric == Metric.TrainLoss;

    /// <summary>Pixels across.</summary>
    public int Width => PanelWidth * settings.BatchSizes.Count;

    /// <summary>Pixels down.</summary>
    public static int Height => PanelHeight + LegendHeight;

    /// <summary>The picture as a PNG file of twice its size, for sharp print.</summary>
    public byte[] ToPng()
    {
        const int Scale = 2;
        using SKSurface surface = SKSurface.Create(new SKImageInfo(Width * Scale, Height * Scale));
        surface.Canvas.Scale(Scale);
        Draw(surface.Canvas);
        using SKImage image = surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
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

    private void Draw(SKCanvas canvas)
    {
        EmbeddedFonts.Install();
        using (SKPaint white = new() { Color = SKColors.White })
        {
            canvas.DrawRect(0, 0, Width, Height, white);
        }
        for (int panel = 0; panel < settings.BatchSizes.Count; panel++)
        {
            using Plot plot = Panel(settings.BatchSizes[panel]);
            plot.RenderManager.ClearCanvasBeforeEachRender = false; // It would clear the other panels too.
            plot.Render(canvas, new PixelRect(PanelWidth * panel, PanelWidth * (panel + 1), PanelHeight, 0));
        }
        DrawLegend(canvas);
    }

    private Plot Panel(int batchSize)
    {
        Plot plot = new();
        plot.Title($"batch size {batchSize}", FontSize + 2);
        plot.XLabel(progress == Progress.Steps ? "training steps" : "seconds of training", FontSize);
        plot.YLabel(metric == Metric.TrainLoss ? "training loss" : "test error, %", FontSize);
        plot.Axes.Left.Label.Bold = plot.Axes.Bottom.Label.Bold = false;
        plot.Axes.Left.TickLabelStyle.FontSize = plot.Axes.Bottom.TickLabelStyle.FontSize = FontSize - 2;
        plot.Layout.Fixed(new PixelPadding(72, 18, 58, 40));
        double least = double.MaxValue, most = double.MinValue, end = 0;
        foreach (string norm in settings.Norms)
        {
            RunResult[] same = [.. runs.Where(run => run.Norm == norm && run.BatchSize == batchSize)];
            DrawnPoint[] curve = [.. Curves.Of(same, metric, progress).Where(point => point.Least > 0 || metric == Metric.TestError)];
            if (curve.Length > 0)
            {
                Add(plot, norm, curve, same.Length > 1);
                least = Math.Min(least, curve.Min(point => point.Least));
                most = Math.Max(most, curve.Max(point => point.Most));
                end = Math.Max(end, curve[^1].X);
            }
        }
        if (end > 0)
        {
            plot.Axes.SetLimitsX(0, end * 1.02);
            SetVertical(plot, least, most);
        }
        return plot;
    }

    private void Add(Plot plot, string norm, DrawnPoint[] curve, bool withRange)
    {
        Color color = Color.FromHex(SchemeColors.Of(norm));
        double[] x = [.. curve.Select(point => point.X)];
        if (withRange)
        {
            double[] least = [.. curve.Select(point => Y(point.Least))], most = [.. curve.Select(point => Y(point.Most))];
            ScottPlot.Plottables.FillY range = plot.Add.FillY(x, least, most);
            range.FillColor = color.WithAlpha(.15);
            range.LineWidth = 0;
        }
        ScottPlot.Plottables.Scatter line = plot.Add.Scatter(x, (double[])[.. curve.Select(point => Y(point.Y))], color);
        line.LineWidth = 2;
        line.MarkerSize = metric == Metric.TestError ? 7 : 0;
    }

    /// <summary>The axis is linear, so a logarithmic one shows logarithms and names what they are of.</summary>
    private double Y(double value) => metric == Metric.TrainLoss ? Math.Log10(value) : value;

    private void SetVertical(Plot plot, double least, double most)
    {
        if (metric == Metric.TestError)
        {
            plot.Axes.SetLimitsY(0, most * 1.08);
            return;
        }
        double low = Math.Log10(least) - .05, high = Math.Log10(most) + .05;
        NumericManual ticks = new();
        bool wide = high - low > 2.5;
        for (int power = (int)Math.Floor(low); power <= high; power++)
        {
            for (int digit = 1; digit <= 9; digit++)
            {
                double value = digit * Math.Pow(10, power), at = Math.Log10(value);
                if (digit == 1 || (!wide && digit is 2 or 5))
                {
                    ticks.AddMajor(at, value.ToString("0.########", CultureInfo.InvariantCulture));
                }
                else
                {
                    ticks.AddMinor(at);
                }
            }
        }
        plot.Axes.Left.TickGenerator = ticks;
        plot.Axes.SetLimitsY(low, high);
    }

    private void DrawLegend(SKCanvas canvas)
    {
        const float Line = 28, Gap = 8, Between = 26;
        using SKFont font = new(EmbeddedFonts.Regular, FontSize);
        using SKPaint text = new() { Color = SKColors.Black, IsAntialias = true };
        float x = (Width - settings.Norms.Sum(norm => Line + Gap + font.MeasureText(norm)) - (Between * (settings.Norms.Count - 1))) / 2;
        float y = PanelHeight + (LegendHeight / 2) - 6;
        foreach (string norm in settings.Norms)
        {
            using SKPaint stroke = new() { Color = SKColor.Parse(SchemeColors.Of(norm)), StrokeWidth = 3, IsAntialias = true };
            canvas.DrawLine(x, y, x + Line, y, stroke);
            canvas.DrawText(norm, x + Line + Gap, y + (FontSize * .36f), font, text);
            x += Line + Gap + font.MeasureText(norm) + Between;
        }
    }
}
