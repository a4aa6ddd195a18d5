using System.Text.Json.Nodes;
using MiniGrad.Samples.Compare;
using MiniGrad.Samples.Compare.Report;

namespace MiniGrad.Samples.Tests.Compare;

public sealed class LstmProgramTests : IDisposable
{
    private static readonly string[] Pictures =
    [
        "dynamics-after-training", "dynamics-before-training", "test-loss-by-second", "test-loss-by-step", "train-loss-by-second",
        "train-loss-by-step",
    ];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_dry_run_prints_the_table_and_what_came_out_and_writes_all_files()
    {
        CommandRun run = Run("--length", "12", "--hidden", "8", "--batch-sizes", "4", "--verbose", "--epochs", "2");
        run.RequireSuccess();
        Assert.Contains("616291 training and 68477 validation characters", run.Output, StringComparison.Ordinal);
        string[] norms = LstmOptions.DefaultNorms.Split(',');
        string[] rows = [.. run.Output.Split('\n').Where(line => line.Contains('│') && line.Contains('%'))];
        Assert.All(norms, norm => Assert.Single(rows, row => row.Contains($"│ {norm} ", StringComparison.Ordinal)));
        Assert.All(norms[1..], norm =>
            Assert.Matches($"(?m)^{norm}: (reaches|does not reach) the validation bits per character", run.Output));
        Assert.Equal(
            [.. Pictures.SelectMany(name => (string[])[$"{name}.png", $"{name}.svg"])
                .Concat(["curves.csv", "report.html", "results.json"]).Order(StringComparer.Ordinal)],
            Directory.GetFiles(directory.File("results")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        JsonNode results = Results();
        Assert.Equal("lstm", results["experiment"]!.GetValue<string>());
        Assert.Equal(4, results["findings"]!.AsArray().Count);
        string report = File.ReadAllText(directory.File("results/report.html"));
        Assert.All(results["findings"]!.AsArray(), finding =>
            Assert.Contains(finding!.GetValue<string>(), report, StringComparison.Ordinal));
        foreach (JsonNode? each in results["runs"]!.AsArray())
        {
            JsonArray dynamics = each!["dynamics"]!.AsArray();
            Assert.Equal(["before training", "after training"], dynamics.Select(probe => probe!["when"]!.GetValue<string>()));
            foreach (string name in (string[])["gradientNorm", "gateSaturation", "hiddenSpread", "cellSpread"])
            {
                Assert.All(dynamics, probe => Assert.Equal(12, probe![name]!.AsArray().Count));
            }
            Assert.All(dynamics[1]!["gradientNorm"]!.AsArray(), value => Assert.InRange(value!.GetValue<double>(), double.Epsilon, 1e3));
        }
    }

    [Theory]
    [InlineData("seqmnist", "--by row")]
    [InlineData("seqmnist", "--by pixel --permute --norms none,batch")]
    [InlineData("adding", "--length 9 --cell gru --layers 2 --dtype double")]
    [InlineData("copy", "--length 5 --cell rnn --seeds 2 --optimizer rmsprop")]
    [InlineData("charlm", "--length 5 --preset haste --norms none,layer")]
    public void Every_task_runs(string task, string options)
    {
        Run(["--task", task, .. options.Split(' '), "--hidden", "6", "--batch-sizes", "4", "--epochs", "1", "--threads", "1"])
            .RequireSuccess();
        string command = Results()["command"]!.GetValue<string>();
        Assert.All(options.Replace("--seeds 2", "--seeds 1,2", StringComparison.Ordinal).Split(" --"), word =>
            Assert.Contains(word, command, StringComparison.Ordinal));
    }

    [Fact]
    public void It_learns_the_digits_row_by_row()
    {
        CommandRun run = CommandRun.Of((output, error) => Program.Run(
            [
                "lstm", "--task", "seqmnist", "--norms", "layer", "--hidden", "24", "--epochs", "2", "--epoch-steps", "120", "--lr", "0.01",
                "--threads", "1", "--out", directory.File("results"),
            ],
            output, error, CancellationToken.None));
        run.RequireSuccess();
        Assert.InRange(Results()["runs"]![0]!["finalTestError"]!.GetValue<double>(), 0, .25);
    }

    [Fact]
    public void A_rerun_gives_the_same_results_on_any_number_of_threads()
    {
        string RunsOf(string name, string seed, string threads)
        {
            CommandRun.Of((output, error) => Program.Run(
                [
                    "lstm", "--dry-run", "--task", "adding", "--length", "7", "--hidden", "12", "--batch-sizes", "8", "--epochs", "2",
                    "--seed", seed, "--threads", threads, "--out", directory.File(name),
                ],
                output, error, CancellationToken.None)).RequireSuccess();
            JsonArray runs = JsonNode.Parse(File.ReadAllText(directory.File($"{name}/results.json")))!["runs"]!.AsArray();
            foreach (JsonNode? run in runs)
            {
                run!.AsObject().Remove("stepsPerSecond");
                foreach (JsonNode? epoch in run["epochs"]!.AsArray())
                {
                    epoch!.AsObject().Remove("seconds");
                }
            }
            return runs.ToJsonString();
        }
        string results = RunsOf("a", "5", "1");
        Assert.Equal(results, RunsOf("b", "5", "3"));
        Assert.NotEqual(results, RunsOf("c", "6", "1"));
    }

    [Fact]
    public void Findings_say_who_got_where_the_plain_network_ended_and_when_or_that_it_did_not()
    {
        LstmOptions options = new()
        {
            Task = "copy",
            Cell = "lstm",
            Norms = "none,layer,rms,weight,batch",
            Preset = "paper",
            Hidden = 8,
            Layers = 1,
            Epochs = 3,
            EpochSteps = 100,
            Seeds = "1",
            Seed = 1,
            Optimizer = "adam",
            LearningRate = 1e-3,
            Clip = 1,
            Device = "cpu",
            Dtype = "float",
        };
        LstmSettings settings = LstmSettings.From(options);
        RunResult Of(string norm, params double[] errors) => new(norm, 64, 1, 10)
        {
            Epochs = [.. errors.Select((error, i) => new EpochResult(i + 1, 100 * (i + 1), 1, 1, error, .5 * (i + 1)))],
        };
        RunResult[] runs =
        [
            Of("none", .5, .4, .3), Of("layer", .4, .25, .2), Of("rms", .5, .4, .3), Of("weight", .5, .35, .4),
            Of("batch", .1) with { Diverged = new Divergence(150, double.NaN) },
        ];
        Assert.Equal(
        [
            "layer: reaches the test error that none has after 300 steps (30.00 %) after 200 steps, " +
            "in 1.0 s of training instead of 1.5 s; it ends at 20.00 %.",
            "rms: reaches the test error that none has after 300 steps (30.00 %) after 300 steps, no sooner, " +
            "in 1.5 s of training instead of 1.5 s; it ends at 30.00 %.",
            "weight: does not reach the test error that none has after 300 steps (30.00 %) within 300 steps; its best is 35.00 %.",
        ], settings.Findings(runs));
        Assert.Empty(settings.Findings(runs[1..]));
        string html = HtmlReport.Write(
            new(
                "a command", "1.0", new Machine("A processor", 2, "A system", "A runtime", "cpu", Schedule.OneByOne(1)), settings, runs,
                Stopped: false),
            []);
        Assert.Contains("it ends at 20.00 %.", html, StringComparison.Ordinal);
        Assert.Contains("diverged at step 150: loss NaN", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--task words", "--task 'words': must be one of charlm, seqmnist, adding, copy")]
    [InlineData("--cell cnn", "--cell 'cnn': must be one of lstm, gru, rnn")]
    [InlineData("--preset plain", "--preset 'plain': must be one of paper, authors, haste, pytorch-bench, tfa, tf1, draw")]
    [InlineData("--preset tf1 --cell gru", "--preset tf1: sums the products before it normalizes")]
    [InlineData("--norms group", "--norms 'group': must be one of none, layer, rms, weight, batch")]
    [InlineData("--permute", "--permute: is for --task seqmnist only")]
    [InlineData("--task adding --by row", "--by: is for --task seqmnist only")]
    [InlineData("--task seqmnist --by column", "--by 'column': must be one of row, pixel")]
    [InlineData("--task seqmnist --length 5", "--length: is for --task charlm, adding and copy only")]
    [InlineData("--task seqmnist --data /no/such", "/no/such: is no directory")]
    [InlineData("--task seqmnist --batch-sizes 9000", "--batch-sizes 9000: there are only 8004 training images")]
    [InlineData("--task copy --text x", "--text: is for --task charlm only")]
    [InlineData("--data x", "--data: is for --task seqmnist only")]
    [InlineData("--text /no/such", "--text /no/such: cannot be read")]
    [InlineData("--length 0", "--length 0: must be 1 to")]
    [InlineData("--task adding --length 1", "--length 1: must be 2 to")]
    [InlineData("--batch-sizes 60000", "--batch-sizes 60000 --length 64: the text has only 616291 training characters")]
    [InlineData("--batch-sizes 1", "--batch-sizes 1: batch norm needs at least 2 cases")]
    [InlineData("--hidden 0", "--hidden 0: must be 1 to")]
    [InlineData("--layers 0", "--layers 0: must be 1 to 100")]
    [InlineData("--epochs 0", "--epochs 0: must be 1 to")]
    [InlineData("--epoch-steps 0", "--epoch-steps 0: must be 1 to")]
    [InlineData("--lr -1", "--lr -1: must be a number above 0")]
    [InlineData("--clip 0", "--clip 0: must be a number above 0")]
    [InlineData("--forget-bias nan", "--forget-bias NaN: must be a number")]
    [InlineData("--device cuda", "--device cuda: MINIGRAD_LIBCUDA=/no/driver: could not be loaded")]
    [InlineData("--activation relu", "--activation: is no option")]
    public void Bad_input_gets_one_line_and_exit_code_1(string args, string expected) => Run(args.Split(' ')).RequireRefusal(expected);

    private CommandRun Run(params string[] args) => CommandRun.Of((output, error) =>
        Program.Run(["lstm", "--dry-run", "--out", directory.File("results"), .. args], output, error, CancellationToken.None));

    private JsonNode Results() => JsonNode.Parse(File.ReadAllText(directory.File("results/results.json")))!;
}
