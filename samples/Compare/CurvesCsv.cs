using System.Globalization;

namespace MiniGrad.Samples.Compare;

/// <summary>Writes curves.csv: a line for each point of each curve, test columns filled at the end of epochs only.</summary>
internal static class CurvesCsv
{
    public const string Header = "norm,batchSize,seed,step,seconds,trainLoss,testLoss,testError";

    public static void Write(IEnumerable<RunResult> runs, TextWriter csv)
    {
        csv.NewLine = "\n";
        csv.WriteLine(Header);
        foreach (RunResult run in runs)
        {
            foreach (CurvePoint point in run.Curve)
            {
                csv.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{run.Norm},{run.BatchSize},{run.Seed},{point.Step},{point.Seconds:0.####},{point.TrainLoss:R}," +
                    $"{point.Test?.TestLoss:R},{point.Test?.TestError:R}"));
            }
        }
    }
}
