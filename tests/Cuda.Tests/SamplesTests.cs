using System.Globalization;
using System.Text.RegularExpressions;

namespace MiniGrad.Cuda.Tests;

/// <summary>The training programs on the software device: what they log is what they log on the processor.</summary>
public partial class SamplesTests : SoftwareDeviceTest
{
    [Theory]
    [InlineData("--norm layer")]
    [InlineData("--norm batch")]
    public void The_perceptron_trains_as_on_the_processor(string options) =>
        AssertSameLosses($"--dry-run --epochs 2 --batch-size 32 --hidden 32 --threads 1 {options}", Samples.Mlp.Program.Run);

    [Fact]
    public void The_recurrent_network_writes_what_it_writes_on_the_processor()
    {
        Assert.Equal(Output("cpu"), Output("cuda"));

        // To the three digits that it prints; and without the clock.
        static string Output(string device)
        {
            using StringWriter output = new(), error = new();
            int code = Samples.Lstm.Program.Run(
                ["--dry-run", "--hidden", "12", "--length", "5", "--batch-size", "3", "--sample", "20", "--threads", "1", "--device", device], output, error);
            Assert.Equal("", error.ToString());
            Assert.Equal(0, code);
            return Clock().Replace(output.ToString(), "");
        }
    }

    [GeneratedRegex(@"[0-9.]+ s\b")]
    private static partial Regex Clock();

    private static void AssertSameLosses(string options, Func<string[], TextWriter, TextWriter, int> program)
    {
        string directory = Directory.CreateTempSubdirectory("minigrad-samples").FullName;
        try
        {
            double[] expected = Losses("cpu"), got = Losses("cuda");
            Assert.NotEmpty(expected);
            Assert.Equal(expected.Length, got.Length);
            Assert.All(expected.Zip(got), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= 1e-5 * Math.Abs(pair.First)));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        double[] Losses(string device)
        {
            string file = Path.Combine(directory, device + ".csv");
            using StringWriter output = new(), error = new();
            int code = program([.. options.Split(' '), "--device", device, "--csv", file], output, error);
            Assert.Equal("", error.ToString());
            Assert.Equal(0, code);
            Assert.Contains(device == "cuda" ? "cuda, Software device (9.0), float32" : "cpu", output.ToString(), StringComparison.Ordinal);
            return [.. File.ReadLines(file).Skip(1).SelectMany(line => line.Split(',').Skip(2).Take(3)).Select(text => double.Parse(text, CultureInfo.InvariantCulture))];
        }
    }
}
