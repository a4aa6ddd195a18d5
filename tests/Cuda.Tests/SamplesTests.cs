using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace MiniGrad.Cuda.Tests;

/// <summary>The training programs on the device: their losses are those of the processor, and their steps are graphs.</summary>
public sealed partial class SamplesTests : DeviceTest
{
    [Theory]
    [InlineData("--norm layer")]
    [InlineData("--norm batch")]
    public void The_perceptron_trains_as_on_the_processor(string options)
    {
        AssertSameNumbers(Losses("cpu"), Losses("cuda"));

        double[] Losses(string device)
        {
            using Folder folder = new();
            string file = folder.File("epochs.csv");
            string output = Run(
                Samples.Mlp.Program.Run,
                $"--dry-run --epochs 2 --batch-size 32 --hidden 32 --threads 1 {options} --device {device} --csv {file}");
            Assert.Contains(device == "cuda" ? "on cuda, " : "on cpu", output, StringComparison.Ordinal);
            Assert.Equal(device == "cuda", output.Contains("\n4 of 6 training steps were launched as graphs\n", StringComparison.Ordinal));
            return [.. File.ReadLines(file).Skip(1).SelectMany(line => line.Split(',').Skip(2).Take(3)).Select(Number)];
        }
    }

    [Fact]
    public void The_recurrent_network_trains_and_writes_as_on_the_processor()
    {
        string cpu = Output("cpu"), cuda = Output("cuda");
        AssertSameNumbers(Bits(cpu), Bits(cuda));
        Assert.Equal(Written(cpu), Written(cuda));
        Assert.Matches("\n\\d of 3 training steps were launched as graphs\n", cuda);

        static string Output(string device) => Run(
            Samples.Lstm.Program.Run,
            $"--dry-run --verbose --hidden 12 --length 5 --batch-size 3 --sample 20 --report-every 1 --threads 1 --device {device}");

        static double[] Bits(string output) => [.. Loss().Matches(output).Select(match => Number(match.Groups["bits"].Value))];

        static string[] Written(string output) => [.. output.Split('\n').Where(line => line.StartsWith("  | ", StringComparison.Ordinal))];
    }

    [Theory]
    [InlineData("mlp --hidden 16 --norms layer,none --batch-sizes 16 --epochs 2")]
    [InlineData("lstm --hidden 8 --length 5 --norms layer,none --batch-sizes 4 --epochs 2")]
    public void A_comparison_comes_out_as_on_the_processor(string options)
    {
        JsonNode cpu = Results("cpu"), cuda = Results("cuda");
        AssertSameNumbers(Losses(cpu), Losses(cuda));
        Assert.StartsWith("cuda, ", cuda["machine"]!["device"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.All(cuda["runs"]!.AsArray(), run => Assert.InRange(run!["graphSteps"]!.GetValue<int>(), 1, 6));

        JsonNode Results(string device)
        {
            using Folder folder = new();
            string[] words =
                [.. options.Split(' '), "--dry-run", "--verbose", "--threads", "1", "--device", device, "--out", folder.File("out")];
            Run((args, output, error) => Samples.Compare.Program.Run(args, output, error, TestContext.Current.CancellationToken), words);
            return JsonNode.Parse(File.ReadAllText(folder.File("out/results.json")))!;
        }

        static double[] Losses(JsonNode results) => [.. results["runs"]!.AsArray().SelectMany(run => run!["epochs"]!.AsArray())
            .SelectMany(epoch => (double[])[epoch!["trainLoss"]!.GetValue<double>(), epoch["testLoss"]!.GetValue<double>()])];
    }

    [Fact]
    public void Rounding_to_TF32_is_said_and_seen()
    {
        const string options = "--dry-run --epochs 1 --batch-size 32 --hidden 32 --device cuda";
        string exact = Run(Samples.Mlp.Program.Run, options), rounded = Run(Samples.Mlp.Program.Run, options + " --tf32");
        Assert.DoesNotContain("TF32", exact, StringComparison.Ordinal);
        Assert.Contains("float32, products in TF32", rounded, StringComparison.Ordinal);
    }

    [Fact]
    public void Auto_takes_the_device_and_says_why() => Assert.Contains(
        "(auto: there is a CUDA device.)", Run(Samples.Mlp.Program.Run, "--dry-run --epochs 1 --hidden 8"), StringComparison.Ordinal);

    private static string Run(Func<string[], TextWriter, TextWriter, int> program, string options) => Run(program, options.Split(' '));

    private static string Run(Func<string[], TextWriter, TextWriter, int> program, string[] options)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new();
        int code = program(options, output, error);
        Assert.Equal("", error.ToString());
        Assert.Equal(0, code);
        return output.ToString();
    }

    private static void AssertSameNumbers(double[] expected, double[] got)
    {
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Length, got.Length);
        Assert.All(expected.Zip(got), pair => Assert.True(
            Math.Abs(pair.First - pair.Second) <= 1e-5 * Math.Abs(pair.First), $"{pair.Second} instead of {pair.First}"));
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(train|validation) (?<bits>\d+\.\d{7}) ")]
    private static partial Regex Loss();

    private sealed class Folder : IDisposable
    {
        private readonly string path = Directory.CreateTempSubdirectory("minigrad-samples").FullName;

        public string File(string name) => Path.Combine(path, name);

        public void Dispose() => Directory.Delete(path, recursive: true);
    }
}
