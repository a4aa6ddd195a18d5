using System.Globalization;
using MiniGrad.Samples.Compare;
using MiniGrad.Samples.Compare.Report;

namespace MiniGrad.Samples.Tests.Compare;

public class CurvesTests
{
    private static readonly MlpSettings Settings = MadeUpRuns.Settings(options => options.Seeds = "3");

    [Fact]
    public void Means_of_points_and_epochs_weigh_images_equally()
    {
        CurveRecorder recorder = new(stepsPerEpoch: 2, epochs: 1);
        Assert.True(recorder.Add(1, 1, 6, .1));
        Assert.False(recorder.IsEpochComplete);
        Assert.True(recorder.Add(2, 4, 2, .2));
        Assert.True(recorder.IsEpochComplete);
        EpochResult epoch = recorder.EndEpoch(3, .5);
        Assert.Equal(new EpochResult(1, 2, 1.75, 3, .5, .2), epoch);
        Assert.Equal([new CurvePoint(1, .1, 1, null), new CurvePoint(2, .2, 4, epoch)], recorder.Curve);
    }

    [Theory]
    [InlineData(2001)]
    [InlineData(63)]
    [InlineData(1)]
    public void An_epoch_has_at_most_some_hundred_points_and_ends_with_its_test(int steps)
    {
        CurveRecorder recorder = new(steps, 2);
        for (int step = 1; step <= 2 * steps; step++)
        {
            recorder.Add(step, 1, 4, step);
            if (recorder.IsEpochComplete)
            {
                recorder.EndEpoch(1, 1);
            }
        }
        Assert.InRange(recorder.Curve.Count, 2 * Math.Min(steps, 50), 2 * 128);
        Assert.Equal([steps, 2L * steps], recorder.Curve.Where(point => point.Test is not null).Select(point => point.Step));
    }

    [Fact]
    public void The_file_has_a_line_for_each_point()
    {
        RunResult run = MadeUpRuns.Run(Settings, "layer", 4, 2);
        using StringWriter csv = new();
        CurvesCsv.Write([run], csv);
        string[] lines = csv.ToString().TrimEnd('\n').Split('\n');
        Assert.Equal("norm,batchSize,seed,step,seconds,trainLoss,testLoss,testError", lines[0]);
        Assert.Equal(run.Curve.Count + 1, lines.Length);
        Assert.All(lines, line => Assert.Equal(7, line.Count(c => c == ',')));
        string[] last = lines[^1].Split(',');
        Assert.Equal(["layer", "4", "2", "6003"], last[..4]);
        Assert.Equal(run.Epochs[^1].TestError, double.Parse(last[7], CultureInfo.InvariantCulture));
        Assert.EndsWith(",,", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Drawn_curves_are_medians_with_the_range_over_seeds()
    {
        RunResult[] runs = [.. Settings.Seeds.Select(seed => MadeUpRuns.Run(Settings, "rms", 128, seed))];
        IReadOnlyList<DrawnPoint> curve = Curves.Of(runs, Settings.Metrics, Metric.Test, Progress.Steps);
        Assert.Equal(3, curve.Count);
        double[] errors = [.. runs.Select(run => 100 * run.Epochs[1].TestError).Order()];
        Assert.Equal(new DrawnPoint(runs[0].Epochs[1].Step, errors[1], errors[0], errors[2]), curve[1]);
    }

    [Fact]
    public void A_run_that_broke_down_leaves_the_rest_of_the_curve_to_the_others()
    {
        RunResult whole = MadeUpRuns.Run(Settings, "rms", 128, 1), broken = whole with { Curve = [.. whole.Curve.Take(5)], Epochs = [] };
        IReadOnlyList<DrawnPoint> curve = Curves.Of([broken, whole], Settings.Metrics, Metric.TrainLoss, Progress.Seconds);
        Assert.Equal(whole.Curve.Count, curve.Count);
        Assert.Equal(whole.Curve[^1].Seconds, curve[^1].X);
    }

    [Fact]
    public void Smoothing_keeps_straight_lines_up_to_the_last_points()
    {
        CurvePoint[] line = [.. Enumerable.Range(0, 20).Select(i => new CurvePoint(i, i, 3 - (.1 * i), null))];
        IReadOnlyList<CurvePoint> smooth = Curves.Smooth(line);
        Assert.All(smooth.Zip(line).SkipLast(4), pair => Assert.Equal(pair.Second.TrainLoss, pair.First.TrainLoss, 1e-12));
        Assert.Equal(line[^5..].Average(point => point.TrainLoss), smooth[^1].TrainLoss, 1e-12);
    }

    [Theory]
    [InlineData(new double[] { 3, 1, 2 }, 2, 1, 3)]
    [InlineData(new double[] { 4, 1, 2, 3 }, 2.5, 1, 4)]
    public void The_median_of_an_even_count_is_the_mean_of_the_middle_two(double[] values, double median, double least, double most) =>
        Assert.Equal(new Spread(median, least, most, values.Length), Spread.Of(values));
}
