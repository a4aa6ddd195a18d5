using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text;

namespace MiniGrad.Samples.Compare.Report;

/// <summary>Writes report.html: one file with pictures, table, settings and command, which needs nothing else to be read.</summary>
internal static class HtmlReport
{
    public static string Write(Comparison comparison, IReadOnlyList<Picture> pictures)
    {
        ComparisonSettings settings = comparison.Settings;
        string title = settings.Title;
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
            <p class="lead">{Escape(settings.Lead)}</p>

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
        foreach (string finding in settings.Findings(comparison.Runs))
        {
            html.Append($"<p>{Escape(finding)}</p>\n");
        }
        html.Append("<h2>Curves</h2>\n");
        foreach (Picture picture in pictures)
        {
            AppendPicture(html, picture, settings);
        }
        AppendSettings(html, comparison);
        html.Append($"<h2>Command</h2>\n<pre>{Escape(comparison.Command)}</pre>\n</body>\n</html>\n");
        return html.ToString();
    }

    private static void AppendTable(StringBuilder html, Comparison comparison)
    {
        string over = comparison.Settings.Seeds.Count > 1 ? " Each number is the median over seeds, with the range in brackets." : "";
        string caution = comparison.Machine.Schedule.Caution is { } text ? $" {text}" : "";
        html.Append($"""
            <h2>After the last epoch</h2>
            <p class="explain">{Escape(comparison.Settings.Explanation)}{over}{Escape(caution)}</p>
            <div class="scroll"><table>
            <tr>
            """);
        IReadOnlyList<SummaryRow> rows = Summary.Rows(comparison);
        IReadOnlyList<string> headings = Summary.Headings(comparison.Settings.Metrics, rows);
        foreach (string heading in headings)
        {
            html.Append($"<th{(heading is "norm" or "remarks" ? " class=\"text\"" : "")}>{Escape(heading)}</th>");
        }
        html.Append("</tr>\n");
        int batchSize = 0;
        foreach (SummaryRow row in rows)
        {
            html.Append(row.BatchSize == batchSize ? "<tr>" : "<tr class=\"first\">");
            batchSize = row.BatchSize;
            for (int i = 0; i < headings.Count; i++)
            {
                html.Append(headings[i] switch
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

    private static void AppendPicture(StringBuilder html, Picture picture, ComparisonSettings settings)
    {
        string over = settings.Seeds.Count > 1 ? " Lines are medians over seeds, bands their range." : "";
        int widest = picture.Width * 3 / 2;
        html.Append($"""
            <figure>
            <img alt="{Escape(picture.Caption)}" width="{picture.Width}" height="{picture.Height}" style="max-width: {widest}px"
                 src="data:image/svg+xml;base64,{Base64(picture.ToSvg())}">
            <figcaption>{Escape($"{picture.Caption}. {picture.Explanation}")}{over}</figcaption>
            </figure>

            """);
    }

    private static void AppendSettings(StringBuilder html, Comparison comparison)
    {
        ComparisonSettings settings = comparison.Settings;
        Machine machine = comparison.Machine;
        (string Name, string Value)[] lines =
        [
            .. settings.Lines,
            ("schemes", string.Join(", ", settings.Norms)),
            ("batch sizes", string.Join(", ", settings.BatchSizes)),
            ("epochs", settings.Epochs.ToString(CultureInfo.InvariantCulture)),
            ("seeds", string.Join(", ", settings.Seeds)),
            ("optimizer", $"{settings.Optimizer}, learning rate {settings.LearningRate.ToString(CultureInfo.InvariantCulture)}"),
            ("data", settings.DataText),
            ("numbers", settings.Dtype),
            ("device", $"{machine.Device}; {machine.Schedule}"),
            ("machine", $"{machine.Processor}, {ComparisonSettings.Count(machine.Cores, "core")}, {machine.System}, {machine.Runtime}"),
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

    private static string Escape(string text) => WebUtility.HtmlEncode(text);

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static string Resource(string name)
    {
        using StreamReader reader = new(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
