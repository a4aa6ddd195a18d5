using System.Text;
using System.Text.Json;
using MiniGrad.Samples.Compare;

namespace MiniGrad.Samples.Tests.Compare;

public class ResultsJsonTests
{
    private static readonly MlpSettings Settings = MadeUpRuns.Settings(options => options.Norms = "none,layer");

    [Fact]
    public void The_schema_is_the_documented_one()
    {
        JsonElement root = Json(MadeUpRuns.Comparison(Settings));
        Assert.Equal(["experiment", "command", "version", "machine", "settings", "runs"], NamesOf(root));
        Assert.Equal("mlp", root.GetProperty("experiment").GetString());
        Assert.Equal(4, root.GetProperty("runs").GetArrayLength());
        JsonElement run = root.GetProperty("runs")[1];
        Assert.Equal(["norm", "batchSize", "seed", "parameters", "epochs", "finalTestError", "stepsPerSecond"], NamesOf(run));
        Assert.Equal(("layer", 128), (run.GetProperty("norm").GetString(), run.GetProperty("batchSize").GetInt32()));
        JsonElement epoch = run.GetProperty("epochs")[2];
        Assert.Equal(["epoch", "step", "trainLoss", "testLoss", "testError", "seconds"], NamesOf(epoch));
        Assert.Equal((3, 186), (epoch.GetProperty("epoch").GetInt32(), epoch.GetProperty("step").GetInt32()));
        Assert.Equal(epoch.GetProperty("testError").GetDouble(), run.GetProperty("finalTestError").GetDouble());
        Assert.InRange(run.GetProperty("finalTestError").GetDouble(), 0, 1);
    }

    [Fact]
    public void Numbers_survive_the_file_exactly()
    {
        Comparison comparison = MadeUpRuns.Comparison(Settings);
        JsonElement epoch = Json(comparison).GetProperty("runs")[0].GetProperty("epochs")[0];
        Assert.Equal(comparison.Runs[0].Epochs[0].TrainLoss, epoch.GetProperty("trainLoss").GetDouble());
    }

    [Theory]
    [InlineData(double.NaN, "\"NaN\"")]
    [InlineData(double.PositiveInfinity, "\"Infinity\"")]
    [InlineData(2e6, "2000000")]
    public void A_diverged_run_says_where_and_has_no_final_error(double loss, string value)
    {
        RunResult run = MadeUpRuns.Run(Settings, "none", 128, 1) with { Diverged = new Divergence(100, loss) };
        JsonElement json = Json(MadeUpRuns.Comparison(Settings) with { Runs = [run] }).GetProperty("runs")[0];
        Assert.Equal(JsonValueKind.Null, json.GetProperty("finalTestError").ValueKind);
        Assert.Equal(100, json.GetProperty("diverged").GetProperty("step").GetInt32());
        Assert.Equal(value, json.GetProperty("diverged").GetProperty("value").GetRawText());
    }

    [Fact]
    public void A_stopped_comparison_says_so()
    {
        RunResult run = new("none", 128, 1, 10) { StoppedAt = 17 };
        JsonElement root = Json(MadeUpRuns.Comparison(Settings) with { Runs = [run], Stopped = true });
        Assert.True(root.GetProperty("stopped").GetBoolean());
        Assert.Equal(17, root.GetProperty("runs")[0].GetProperty("stoppedAt").GetInt32());
    }

    private static JsonElement Json(Comparison comparison)
    {
        using MemoryStream stream = new();
        ResultsJson.Write(comparison, stream);
        return JsonDocument.Parse(Encoding.UTF8.GetString(stream.ToArray())).RootElement;
    }

    private static IEnumerable<string> NamesOf(JsonElement element) => element.EnumerateObject().Select(property => property.Name);
}
