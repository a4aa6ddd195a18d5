using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text;

namespace MiniGrad.Samples.Compare.Report;

/// <summary>Writes report.html: one file with pictures, table, settings and command, which needs nothing else to be read.</summary>
internal static class HtmlReport
{
    public static string Write(Comparison comparison, IReadOnlyList<Figure> figures)
    {
        MlpSettings settings = comparison.Settings;
        string layers = $"{settings.Data.Train.PixelsPerImage}-{string.Join('-', settings.Hidden)}-{ImageSet.Classes}";
        string title = $"Normalization schemes compared on {settings.Data.Source}";
        StringBuilder html = new();
        html.Append($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Escape(title)}</title>
            <style>
            {Resource("report.css")}</style>
            </head>
            <body>
            <h1>{Escape(title)}</h1>
            <p class="lead">{Escape(Lead(settings, layers))}</p>

            """);
        if (comparison.Stopped)
        {
            html.Append(
                $"<p class=\"note\">Stopped by the user: {comparison.Runs.Count} of {settings.RunCount} runs were begun.</p>\n");
        }
        if (settings.DryRun)
        {
            html.Append("<p class=\"note\">A dry run: a few steps of everything, to see that it works. The numbers mean nothing.</p>\n");
        }
        AppendTable(html, comparison);
        html.Append("<h2>Learning curves</h2>\n");
        foreach (Figure figure in figures)
        {
            AppendFigure(html, figure, settings);
        }
        AppendSettings(html, comparison, layers);
        html.Append($"<h2>Command</h2>\n<pre>{Escape(comparison.Command)}</pre>\n</body>\n</html>\n");
        return html.ToString();
    }

    private static string Lead(MlpSettings settings, string layers) =>
        $"A {layers} perceptron ({settings.Activation}), trained with {settings.Optimizer} at learning rate " +
        $"{settings.LearningRate.ToString(CultureInfo.InvariantCulture)} for {Count(settings.Epochs, "epoch")}, " +
        $"{Count(settings.Seeds.Count, "seed")}. " +
        "The setting of section 6.6 and figure 6 of Layer Normalization (Ba, Kiros, Hinton 2016).";

    private static void AppendTable(StringBuilder html, Comparison comparison)
    {
        string over = comparison.Settings.Seeds.Count > 1 ? " Each number is the median over seeds, with the range in brackets." : "";
        html.Append($"""
            <h2>After the last epoch</h2>
            <p class="explain">Train loss is the mean over the images of the last epoch, each as it was met; test loss and error are of all
            test images after it. Seconds and steps count training alone.{over}</p>
            <div class="scroll"><table>
            <tr>
            """);
        IReadOnlyList<SummaryRow> rows = Summary.Rows(comparison);
        int columns = Summary.Columns(rows);
        foreach (string heading in SummaryRow.Headings.Take(columns))
        {
            html.Append($"<th{(heading is "norm" or "remarks" ? " class=\"text\"" : "")}>{Escape(heading)}</th>");
        }
        html.Append("</tr>\n");
        int batchSize = 0;
        foreach (SummaryRow row in rows)
        {
            html.Append(row.BatchSize == batchSize ? "<tr>" : "<tr class=\"first\">");
            batchSize = row.BatchSize;
            for (int i = 0; i < columns; i++)
            {
                html.Append(SummaryRow.Headings[i] switch
                {
                    "norm" => $"<td class=\"text\">{Swatch(row.Norm)}{Escape(row.Cells[i].Text)}</td>",
                    "remarks" => $"<td class=\"text remark\">{Escape(row.Cells[i].Text)}</td>",
                    _ => row.Cells[i].Range is { } range
                        ? $"<td>{Escape(row.Cells[i].Text)}<small>{Escape(range)}</small></td>"
                        : $"<td>{Escape(row.Cells[i].Text)}</td>",
                });
            }
            html.Append("</tr>\n");
        }
        html.Append("</table></div>\n");
    }

    private static void AppendFigure(StringBuilder html, Figure figure, MlpSettings settings)
    {
        string over = settings.Seeds.Count > 1 ? " Lines are medians over seeds, bands their range." : "";
        string smoothed = figure.IsSmoothed ? " Lines are running means; curves.csv has the points." : "";
        html.Append($"""
            <figure>
            <img alt="{Escape(figure.Caption)}" width="{figure.Width}" height="{Figure.Height}"
                 src="data:image/svg+xml;base64,{Base64(figure.ToSvg())}">
            <figcaption>{Escape(figure.Caption)}, one panel for each batch size.{smoothed}{over}</figcaption>
            </figure>

            """);
    }

    private static void AppendSettings(StringBuilder html, Comparison comparison, string layers)
    {
        MlpSettings settings = comparison.Settings;
        string variance = string.Join(
            ", ", settings.BatchSizes.Select(size => $"{(settings.UsesUnbiasedVariance(size) ? "unbiased" : "biased")} at {size}"));
        Machine machine = comparison.Machine;
        (string Name, string Value)[] lines =
        [
            ("network", $"{layers}, {settings.Activation}, He initialization, softmax cross-entropy"),
            ("schemes", string.Join(", ", settings.Norms)),
            ("batch sizes", string.Join(", ", settings.BatchSizes)),
            ("batch norm's variance", variance),
            ("epochs", settings.Epochs.ToString(CultureInfo.InvariantCulture)),
            ("seeds", string.Join(", ", settings.Seeds)),
            ("optimizer", $"{settings.Optimizer}, learning rate {settings.LearningRate.ToString(CultureInfo.InvariantCulture)}"),
            ("data", $"{settings.Data.Source}: {settings.Data.Train.Count} training and {settings.Data.Test.Count} test images"),
            ("numbers", settings.Dtype),
            ("device", machine.Device),
            ("machine", $"{machine.Processor}, {Count(machine.Cores, "core")}, {machine.System}, {machine.Runtime}"),
            ("version", comparison.Version),
        ];
        html.Append("<h2>Settings</h2>\n<table class=\"settings\">\n");
        foreach ((string name, string value) in lines)
        {
            html.Append($"<tr><th>{Escape(name)}</th><td>{Escape(value)}</td></tr>\n");
        }
        html.Append("</table>\n");
    }

    private static string Swatch(string norm) => $"<span class=\"swatch\" style=\"background:{SchemeColors.Of(norm)}\"></span>";

    private static string Count(int count, string what) => $"{count} {what}{(count == 1 ? "" : "s")}";

    private static string Escape(string text) => WebUtility.HtmlEncode(text);

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static string Resource(string name)
    {
        using StreamReader reader = new(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
