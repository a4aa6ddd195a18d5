using System.Xml.Linq;
using MiniGrad.Samples.Compare;
using MiniGrad.Samples.Compare.Report;
using SkiaSharp;

namespace MiniGrad.Samples.Tests.Compare;

public class FigureTests
{
    private static readonly Comparison Comparison = MadeUpRuns.Comparison(MadeUpRuns.Settings());

    [Theory]
    [InlineData("TrainLoss", "Steps", "training loss", "training steps")]
    [InlineData("Test", "Seconds", "test error, %", "seconds of training")]
    public void A_vector_picture_names_its_axes_panels_and_curves(string metric, string progress, string y, string x)
    {
        LearningFigure figure = new(Comparison.Runs, Comparison.Settings, Enum.Parse<Metric>(metric), Enum.Parse<Progress>(progress));
        XDocument svg = XDocument.Parse(figure.ToSvg());
        Assert.Equal($"{figure.Width}", svg.Root!.Attribute("width")!.Value);
        string text = string.Join('\n', svg.Descendants(svg.Root.Name.Namespace + "text").Select(element => element.Value.Trim()));
        foreach (string word in (string[])["batch size 128", "batch size 4", y, x, "none", "batch", "layer", "weight", "rms"])
        {
            Assert.Contains(word, text, StringComparison.Ordinal);
        }
        string xml = svg.ToString();
        Assert.All(Comparison.Settings.Norms, norm => Assert.Contains(SchemeColors.Of(norm), xml, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void A_pixel_picture_has_every_curve_in_both_panels()
    {
        LearningFigure figure = new(Comparison.Runs, Comparison.Settings, Metric.TrainLoss, Progress.Seconds);
        using SKBitmap png = SKBitmap.Decode(figure.ToPng());
        Assert.Equal((2 * figure.Width, 2 * figure.Height), (png.Width, png.Height));
        foreach (string norm in Comparison.Settings.Norms)
        {
            SKColor color = SKColor.Parse(SchemeColors.Of(norm));
            Assert.InRange(Count(png, color, 0, png.Width / 2), 100, png.Width * 20);
            Assert.InRange(Count(png, color, png.Width / 2, png.Width), 100, png.Width * 20);
        }
    }

    [Fact]
    public void A_picture_of_no_runs_says_so_and_has_no_numbers()
    {
        LearningFigure figure = new([], Comparison.Settings, Metric.Test, Progress.Steps);
        XElement svg = XDocument.Parse(figure.ToSvg()).Root!;
        string[] words = [.. svg.Descendants(svg.Name.Namespace + "text").Select(element => element.Value.Trim())];
        Assert.Contains("nothing measured", words);
        Assert.DoesNotContain(words, word => double.TryParse(word, out _));
        Assert.NotEmpty(figure.ToPng());
    }

    [Fact]
    public void Every_scheme_has_a_color_of_its_own() =>
        Assert.Equal(Choices.Norms.Count, Choices.Norms.Select(SchemeColors.Of).Distinct().Count());

    private static int Count(SKBitmap png, SKColor color, int left, int right)
    {
        int count = 0;
        for (int y = 0; y < png.Height; y++)
        {
            for (int x = left; x < right; x++)
            {
                count += png.GetPixel(x, y) == color ? 1 : 0;
            }
        }
        return count;
    }
}
