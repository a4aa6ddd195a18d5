using System.Globalization;
using System.Text.RegularExpressions;
using MiniGrad.Samples.Lstm;

namespace MiniGrad.Samples.Tests;

public sealed partial class LstmProgramTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_dry_run_of_every_scheme_ends_well()
    {
        foreach (string norm in Choices.RecurrentNorms)
        {
            CommandRun run = Run(
                "--dry-run", "--norm", norm, "--hidden", "8", "--batch-size", "4", "--length", "6", "--threads", "1", "--verbose");
            run.RequireSuccess();
            Assert.Contains($"norm {norm}", run.Output, StringComparison.Ordinal);
            Assert.Contains("step 3/3  bits per character: train", run.Output, StringComparison.Ordinal);
            Assert.Contains("-bit vectors", run.Output, StringComparison.Ordinal);
            Assert.Contains("cell0.weightX (75, 32)", run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void It_learns_a_text_that_says_what_comes_next_and_writes_it()
    {
        string path = directory.File("text.txt");
        File.WriteAllText(path, string.Concat(Enumerable.Repeat("left, right!\n", 400)));
        CommandRun run = Run(
            "--text", path, "--hidden", "24", "--batch-size", "4", "--length", "13", "--epochs", "2", "--lr", "0.02",
            "--temperature", "0.1", "--report-every", "1000", "--sample", "60", "--threads", "1");
        run.RequireSuccess();
        double bits = double.Parse(Validation().Match(run.Output).Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(bits, 0, 0.1);
        Assert.Contains("  | left, right!\n  | left, right!\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rerun_writes_the_same_on_any_number_of_threads()
    {
        string Output(string threads) => Timing().Replace(
            Run("--dry-run", "--hidden", "16", "--batch-size", "4", "--length", "6", "--threads", threads).Output, "");
        Assert.Equal(Output("1"), Output("3"));
    }

    [Theory]
    [InlineData(1e-3, 0.999, 2)]
    [InlineData(1.0, 0.0, 0)]
    [InlineData(1.0, 0.999, 3)]
    [InlineData(1e9, 0.3, 1)]
    public void Low_temperatures_take_the_likeliest_and_high_ones_any(double temperature, double uniform, int expected) =>
        Assert.Equal(expected, Writer.Draw([1, 2, 4, 3], temperature, uniform));

    [Theory]
    [InlineData("--device cuda", "--device cuda: MINIGRAD_LIBCUDA=/no/driver: could not be loaded")]
    [InlineData("--norm group", "--norm 'group': must be one of none, layer, rms, weight, batch")]
    [InlineData("--epochs 0", "--epochs 0: must be 1 to")]
    [InlineData("--batch-size 1 --norm batch", "--batch-size 1: must be 2 to")]
    [InlineData("--length 0", "--length 0: must be 1 to")]
    [InlineData("--length 60000", "need more than 1920000 characters")]
    [InlineData("--layers 0", "--layers 0: must be 1 to 100")]
    [InlineData("--temperature 0", "--temperature 0: must be a number above 0")]
    [InlineData("--lr nan", "--lr NaN: must be a number above 0")]
    [InlineData("--lr 1e38 --norm none --hidden 4 --batch-size 4 --length 6 --dry-run", "diverged at step")]
    [InlineData("--clip -1", "--clip -1: must be a number above 0")]
    [InlineData("--text /no/such.txt", "--text /no/such.txt: cannot be read")]
    [InlineData("--text", "--text: needs a value")]
    [InlineData("--nonsense 3", "--nonsense: is no option")]
    public void Bad_input_gets_one_line_and_exit_code_1(string args, string expected) => Run(args.Split(' ')).RequireRefusal(expected);

    private static CommandRun Run(params string[] args) => CommandRun.Of((output, error) => Lstm.Program.Run(args, output, error));

    [GeneratedRegex(@"validation ([0-9.]+)")]
    private static partial Regex Validation();

    [GeneratedRegex(@"[0-9.]+ s\n")]
    private static partial Regex Timing();
}
