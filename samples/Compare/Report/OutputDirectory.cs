using System.Text;

namespace MiniGrad.Samples.Compare.Report;

/// <summary>Where results go. Files appear whole or not at all, and those of an earlier run are never replaced.</summary>
internal sealed class OutputDirectory
{
    private OutputDirectory(string path) => Path = path;

    public string Path { get; }

    /// <summary>Makes the directory, before any time is spent on results that could not be saved.</summary>
    /// <param name="requested">What <c>--out</c> names; null for a new directory of its own.</param>
    /// <param name="experiment">The verb, for the name of the directory.</param>
    /// <param name="dryRun">Whether a directory of its own is a temporary one.</param>
    /// <exception cref="InputException">It has results already, or cannot be made or written to.</exception>
    public static OutputDirectory Prepare(string? requested, string experiment, bool dryRun)
    {
        string path = requested ?? (dryRun ? Directory.CreateTempSubdirectory($"minigrad-{experiment}-").FullName : NewName(experiment));
        try
        {
            Directory.CreateDirectory(path);
            if (File.Exists(System.IO.Path.Combine(path, "results.json")))
            {
                throw new InputException(
                    $"--out {path}: has results of an earlier run, which are not replaced; name another directory or delete it.");
            }
            string probe = System.IO.Path.Combine(path, ".writable");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"--out {path}: cannot be written to ({failure.Message.TrimEnd('.')}); name a directory that can.");
        }
        return new OutputDirectory(path);
    }

    /// <summary>Writes all files. results.json comes last, so that where it is, the others are.</summary>
    public void Save(Comparison comparison)
    {
        IReadOnlyList<Picture> pictures = PicturesOf(comparison.Runs, comparison.Settings);
        foreach (Picture picture in pictures)
        {
            Save(picture.Name + ".svg", stream => stream.Write(Encoding.UTF8.GetBytes(picture.ToSvg())));
            Save(picture.Name + ".png", stream => stream.Write(picture.ToPng()));
        }
        Save("curves.csv", stream =>
        {
            using StreamWriter csv = new(stream);
            CurvesCsv.Write(comparison.Runs, csv);
        });
        Save("report.html", stream => stream.Write(Encoding.UTF8.GetBytes(HtmlReport.Write(comparison, pictures))));
        Save("results.json", stream => ResultsJson.Write(comparison, stream));
    }

    /// <summary>The pictures of a comparison: learning curves and, of recurrent networks, dynamics.</summary>
    public static IReadOnlyList<Picture> PicturesOf(IReadOnlyList<RunResult> runs, ComparisonSettings settings) =>
    [
        .. from metric in Enum.GetValues<Metric>()
           from progress in Enum.GetValues<Progress>()
           select new LearningFigure(runs, settings, metric, progress),
        .. from when in runs.SelectMany(run => run.Dynamics).Select(probe => probe.When).Distinct()
           select new DynamicsFigure(runs, settings, when),
    ];

    /// <summary>Writes a file beside its place and moves it there when it is complete; when it cannot be, nothing stays.</summary>
    public static void WriteWhole(string path, Action<Stream> write)
    {
        string partial = path + ".partial";
        FileStream stream = File.Create(partial);
        try
        {
            using (stream)
            {
                write(stream);
            }
            File.Move(partial, path, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    private void Save(string name, Action<Stream> write) => WriteWhole(System.IO.Path.Combine(Path, name), write);

    private static string NewName(string experiment)
    {
        string name = System.IO.Path.Combine("runs", $"{experiment}-{DateTime.Now:yyyyMMdd-HHmmss}");
        string free = name;
        for (int i = 2; Directory.Exists(free); i++)
        {
            free = $"{name}-{i}";
        }
        return free;
    }
}
