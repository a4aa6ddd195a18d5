using System.Text.Json.Nodes;
using MiniGrad.Samples.Compare;

namespace MiniGrad.Samples.Tests.Compare;

public sealed class CompareProgramTests : IDisposable
{
    private static readonly string[] Files =
    [
        "curves.csv", "report.html", "results.json",
        "test-error-by-second.png", "test-error-by-second.svg", "test-error-by-step.png", "test-error-by-step.svg",
        "train-loss-by-second.png", "train-loss-by-second.svg", "train-loss-by-step.png", "train-loss-by-step.svg",
    ];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_dry_run_of_every_scheme_prints_the_table_and_writes_all_files()
    {
        string out1 = directory.File("results");
        string norms = string.Join(',', Choices.Norms);
        CommandRun run = Run("--dry-run", "--hidden", "16", "--norms", norms, "--out", out1, "--verbose", "--threads", "1");
        run.RequireSuccess();
        Assert.Contains("-bit vectors", run.Output, StringComparison.Ordinal);
        string[] rows = [.. run.Output.Split('\n').Where(line => line.Contains('│') && line.Contains('%'))];
        Assert.All(Choices.Norms, norm => Assert.Equal(2, rows.Count(row => row.Contains($"│ {norm} ", StringComparison.Ordinal))));
        Assert.Equal(Files, Directory.GetFiles(out1).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("sgd", "tanh", "float")]
    [InlineData("adamw", "gelu", "double")]
    [InlineData("rmsprop", "leaky-relu", "float")]
    public void Every_choice_runs(string optimizer, string activation, string dtype) =>
        Run(
            "mlp", "--dry-run", "--hidden", "16,8", "--norms", "layer", "--batch-sizes", "8", "--optimizer", optimizer,
            "--activation", activation, "--dtype", dtype, "--seeds", "2", "--out", directory.File("results")).RequireSuccess();

    [Fact]
    public void A_rerun_gives_the_same_results_except_timings_and_machine_on_any_number_of_threads()
    {
        string ResultsOf(string name, string seed, string threads)
        {
            string path = directory.File(name);
            Run("--dry-run", "--hidden", "24", "--batch-sizes", "16", "--seed", seed, "--threads", threads, "--out", path).RequireSuccess();
            return WithoutTimings(path);
        }
        string results = ResultsOf("a", seed: "5", threads: "0");
        Assert.Equal(results, ResultsOf("b", seed: "5", threads: "0"));
        Assert.Equal(Runs(results), Runs(ResultsOf("c", seed: "5", threads: "3")));
        Assert.NotEqual(Runs(results), Runs(ResultsOf("d", seed: "6", threads: "0")));
    }

    [Fact]
    public void Networks_trained_side_by_side_end_like_those_trained_one_at_a_time()
    {
        (string Runs, string Output) Train(string threads)
        {
            string path = directory.File("on" + threads);
            CommandRun run = Run(
                "--dry-run", "--hidden", "24", "--batch-sizes", "32,8", "--seeds", "2", "--threads", threads, "--out", path);
            run.RequireSuccess();
            return (Runs(WithoutTimings(path)), run.Output);
        }
        (string runs, string output) = Train("1");
        (string runsSideBySide, string outputSideBySide) = Train("2");
        Assert.Equal(runs, runsSideBySide);
        Assert.DoesNotContain("beside it", output, StringComparison.Ordinal);
        Assert.Contains("beside it", outputSideBySide, StringComparison.Ordinal);
        JsonNode results = JsonNode.Parse(File.ReadAllText(directory.File("on2/results.json")))!;
        Assert.Equal(2, results["machine"]!["sideBySide"]!.GetValue<int>());
        Assert.Equal(
            [32, 32, 32, 32, 32, 8, 8, 8, 8, 8],
            results["runs"]!.AsArray().Take(10).Select(run => run!["batchSize"]!.GetValue<int>()));
    }

    [Fact]
    public void A_diverged_run_is_reported_and_does_not_stop_the_others()
    {
        CommandRun run = Run(
            "--dry-run", "--hidden", "16", "--norms", "none,layer", "--batch-sizes", "8", "--optimizer", "sgd", "--lr", "1e25",
            "--out", directory.File("results"));
        run.RequireSuccess();
        Assert.Contains("diverged at step", run.Output, StringComparison.Ordinal);
        JsonArray runs = JsonNode.Parse(File.ReadAllText(directory.File("results/results.json")))!["runs"]!.AsArray();
        Assert.Equal(2, runs.Count);
        Assert.NotNull(runs[0]!["diverged"]);
        Assert.Null(runs[0]!["finalTestError"]);
    }

    [Fact]
    public void A_stopped_comparison_reports_what_ran()
    {
        using CancellationTokenSource stop = new();
        using StringWriter error = new();
        using StoppingWriter output = new(stop, "[2/5]");
        int exitCode = Program.Run(
            ["--hidden", "16", "--batch-sizes", "512", "--epochs", "2", "--threads", "1", "--out", directory.File("results")],
            output, error, stop.Token);
        Assert.Equal(Program.Interrupted, exitCode);
        Assert.Contains("Stopped. Report on what ran", output.ToString(), StringComparison.Ordinal);
        JsonNode results = JsonNode.Parse(File.ReadAllText(directory.File("results/results.json")))!;
        Assert.True(results["stopped"]!.GetValue<bool>());
        Assert.Equal(2, results["runs"]!.AsArray().Count);
        Assert.Null(results["runs"]![0]!["stoppedAt"]);
        Assert.NotNull(results["runs"]![1]!["stoppedAt"]);
    }

    [Fact]
    public void Results_of_an_earlier_run_are_not_replaced()
    {
        string[] args = ["--dry-run", "--hidden", "16", "--norms", "none", "--batch-sizes", "8", "--out", directory.File("results")];
        Run(args).RequireSuccess();
        string before = File.ReadAllText(directory.File("results/results.json"));
        Run(args).RequireRefusal("has results of an earlier run");
        Assert.Equal(before, File.ReadAllText(directory.File("results/results.json")));
    }

    [Theory]
    [InlineData("--norms layer,foo", "--norms 'foo': must be one of none, batch,")]
    [InlineData("--norms layer,layer", "--norms layer,layer: names one of them twice")]
    [InlineData("--norms ,", "--norms '': must be one of")]
    [InlineData("--batch-sizes 0", "--batch-sizes 0: '0' must be a whole number")]
    [InlineData("--batch-sizes 1", "--batch-sizes 1: batch norm needs at least 2 cases")]
    [InlineData("--batch-sizes 9000", "--batch-sizes 9000: there are only 8004 training images")]
    [InlineData("--hidden 10,x", "--hidden 10,x: 'x' must be a whole number")]
    [InlineData("--hidden 12 --norms group", "--hidden 12: group norm has 8 groups")]
    [InlineData("--activation step", "--activation 'step': must be one of identity, relu,")]
    [InlineData("--epochs 0", "--epochs 0: must be 1")]
    [InlineData("--seeds 0", "--seeds 0: must be how many")]
    [InlineData("--seeds 1,x", "--seeds 1,x: 'x' is no seed")]
    [InlineData("--seed -1", "--seed -1: must be a whole number from 0 to 18446744073709551615")]
    [InlineData("--optimizer lbfgs", "--optimizer 'lbfgs': must be one of sgd, adam, adamw, rmsprop")]
    [InlineData("--lr 0", "--lr 0: must be a number above 0")]
    [InlineData("--lr nan", "--lr NaN: must be a number above 0")]
    [InlineData("--lr", "--lr: needs a value")]
    [InlineData("--batch-variance none", "--batch-variance 'none': must be one of paper, biased, unbiased")]
    [InlineData("--dtype half", "--dtype 'half': must be one of float, double")]
    [InlineData("--device cuda", "--device cuda: MINIGRAD_LIBCUDA=/no/driver: could not be loaded")]
    [InlineData("--device tpu", "--device 'tpu': must be one of cpu, cuda, auto")]
    [InlineData("--threads -2", "--threads -2: must be 0")]
    [InlineData("--data /no/such", "/no/such: is no directory")]
    [InlineData("--out /proc/no --dry-run", "--out /proc/no: cannot be written to")]
    [InlineData("--frobnicate", "--frobnicate: is no option")]
    [InlineData("mlp stray", "'stray': belongs to no option")]
    [InlineData("train", "'train': is no command; must be one of mlp, lstm, invariance")]
    [InlineData("help train", "'train': is no command")]
    [InlineData("--out=", "--out: needs a value")]
    public void Bad_input_gets_one_line_and_exit_code_1(string args, string expected) => Run(args.Split(' ')).RequireRefusal(expected);

    [Theory]
    [InlineData("--help", "  invariance ")]
    [InlineData("mlp --help", "  --batch-sizes ")]
    [InlineData("help mlp", "  --batch-sizes ")]
    [InlineData("invariance --help", "  --json ")]
    public void Help_goes_to_the_output(string args, string expected)
    {
        CommandRun run = Run(args.Split(' '));
        run.RequireSuccess();
        Assert.Contains(expected, run.Output, StringComparison.Ordinal);
    }

    private static CommandRun Run(params string[] args) =>
        CommandRun.Of((output, error) => Program.Run(args, output, error, CancellationToken.None));

    private static string Runs(string results) => JsonNode.Parse(results)!["runs"]!.ToJsonString();

    private static string WithoutTimings(string path)
    {
        JsonNode root = JsonNode.Parse(File.ReadAllText(Path.Combine(path, "results.json")))!;
        root.AsObject().Remove("machine");
        foreach (JsonNode? run in root["runs"]!.AsArray())
        {
            run!.AsObject().Remove("stepsPerSecond");
            foreach (JsonNode? epoch in run["epochs"]!.AsArray())
            {
                epoch!.AsObject().Remove("seconds");
            }
        }
        return root.ToJsonString();
    }

    /// <summary>Stops the program when it prints the first line about its second run, in the middle of it.</summary>
    private sealed class StoppingWriter(CancellationTokenSource stop, string trigger) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value!.StartsWith(trigger, StringComparison.Ordinal))
            {
                stop.Cancel();
            }
        }
    }
}
