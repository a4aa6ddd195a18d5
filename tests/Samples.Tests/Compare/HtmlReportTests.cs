using System.Text.RegularExpressions;
using MiniGrad.Samples.Compare;
using MiniGrad.Samples.Compare.Report;

namespace MiniGrad.Samples.Tests.Compare;

public partial class HtmlReportTests
{
    private static readonly MlpSettings Settings = MadeUpRuns.Settings(options => options.Seeds = "2");
    private static readonly Comparison Comparison = MadeUpRuns.Comparison(Settings);

    [Fact]
    public void The_report_needs_nothing_but_itself()
    {
        string html = Write(Comparison);
        Assert.DoesNotContain("http", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("@import", html, StringComparison.OrdinalIgnoreCase);
        string[] sources = [.. Source().Matches(html).Select(match => match.Groups[1].Value)];
        Assert.Equal(4, sources.Length);
        Assert.All(sources, source => Assert.StartsWith("data:image/svg+xml;base64,", source, StringComparison.Ordinal));
    }

    [Fact]
    public void The_report_has_a_row_for_each_scheme_and_batch_size_and_the_command()
    {
        string html = Write(Comparison);
        Assert.Equal(10, Row().Count(html));
        Assert.Contains(Comparison.Command, html, StringComparison.Ordinal);
        Assert.Contains("<small>[", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_from_outside_is_escaped()
    {
        const string Hostile = "<img src=x onerror=alert(1)>&\"'";
        Comparison hostile = Comparison with
        {
            Command = Hostile,
            Machine = Comparison.Machine with { Processor = Hostile },
            Settings = Settings with { Data = Settings.Data with { Source = Hostile } },
        };
        string html = Write(hostile);
        Assert.DoesNotContain("<img src=x", html, StringComparison.Ordinal);
        Assert.Contains("&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Diverged_and_stopped_runs_are_shown_as_such()
    {
        RunResult diverged = Comparison.Runs[0] with { Diverged = new Divergence(77, double.NaN), Epochs = [] };
        RunResult stopped = Comparison.Runs[1] with { StoppedAt = 55 };
        string html = Write(Comparison with { Runs = [diverged, stopped], Stopped = true });
        Assert.Contains("diverged at step 77: loss NaN", html, StringComparison.Ordinal);
        Assert.Contains("stopped at step 55", html, StringComparison.Ordinal);
        Assert.Contains("2 of 20 runs were begun", html, StringComparison.Ordinal);
    }

    private static string Write(Comparison comparison) =>
        HtmlReport.Write(comparison, OutputDirectory.PicturesOf(comparison.Runs, comparison.Settings));

    [GeneratedRegex("src=\"([^\"]*)\"")]
    private static partial Regex Source();

    [GeneratedRegex("<span class=\"swatch\"")]
    private static partial Regex Row();
}
