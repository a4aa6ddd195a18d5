using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>The statistics of recurrent batch norm, which belong to time steps.</summary>
public sealed class RecurrentBatchNormTests : IDisposable
{
    private const int Tmax = 4, Inputs = 3, Hidden = 5;

    private readonly IBackend<double> backend = CpuBackend.Create<double>(1);
    private readonly Tape<double> tape;

    public RecurrentBatchNormTests() => tape = new Tape<double>(backend);

    public static TheoryData<string, RecurrentExecution> Cells
    {
        get
        {
            TheoryData<string, RecurrentExecution> cells = [];
            foreach (string cell in (string[])["lstm", "gru", "rnn"])
            {
                foreach (RecurrentExecution execution in Enum.GetValues<RecurrentExecution>())
                {
                    cells.Add(cell, execution);
                }
            }
            return cells;
        }
    }

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Sequences_of_two_lengths_share_one_table(string cell, RecurrentExecution execution)
    {
        using RecurrentLayer<double> layer = Make(cell, execution);
        Train(layer, steps: 2);
        double[] afterTwo = Table(layer, "normH.statistics.mean"), untouched = new double[afterTwo.Length / Tmax];
        Assert.NotEqual(untouched, Row(afterTwo, 1));
        Assert.Equal(untouched, Row(afterTwo, 2));
        Train(layer, steps: 4);
        double[] afterFour = Table(layer, "normH.statistics.mean");
        Assert.NotEqual(Row(afterTwo, 1), Row(afterFour, 1));
        Assert.NotEqual(untouched, Row(afterFour, 3));
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Steps_beyond_the_table_use_its_last_row_and_leave_it_alone(string cell, RecurrentExecution execution)
    {
        using RecurrentLayer<double> layer = Make(cell, execution);
        Train(layer, steps: Tmax);
        double[][] before = [.. layer.NamedState.Select(named => named.Parameter.ToArray())];

        // A table long enough, whose further rows repeat the last.
        using RecurrentLayer<double> longer = Make(cell, execution, Tmax + 6);
        foreach ((NamedParameter<double> from, NamedParameter<double> to) in layer.NamedParameters.Zip(longer.NamedParameters))
        {
            to.Parameter.Set(from.Parameter.ToArray());
        }
        foreach ((NamedParameter<double> from, NamedParameter<double> to) in layer.NamedState.Zip(longer.NamedState))
        {
            double[] rows = from.Parameter.ToArray();
            int width = rows.Length / Tmax;
            to.Parameter.Set([.. Enumerable.Range(0, Tmax + 6).SelectMany(t => rows[(Math.Min(t, Tmax - 1) * width)..][..width])]);
        }
        Tensor<double> x = Input(Tmax + 6, 4);
        Assert.Equal(longer.Forward(x, Phase.Evaluation).ToArray(), layer.Forward(x, Phase.Evaluation).ToArray());
        Assert.Equal(before, layer.NamedState.Select(named => named.Parameter.ToArray()));

        Train(layer, steps: Tmax + 6);
        Train(longer, steps: Tmax);
        Assert.Equal(
            longer.NamedState.Select(named => named.Parameter.ToArray()[..(named.Parameter.Shape[1] * Tmax)]),
            layer.NamedState.Select(named => named.Parameter.ToArray()));
    }

    [Theory]
    [InlineData("lstm")]
    [InlineData("gru")]
    [InlineData("rnn")]
    public void Evaluation_is_that_of_plain_ops(string cell)
    {
        double[][] results = [.. Enum.GetValues<RecurrentExecution>().Select(execution =>
        {
            using RecurrentLayer<double> layer = Make(cell, execution);
            Networks.Spread(layer);
            Train(layer, steps: Tmax);
            Tensor<double> y = layer.Forward(Input(Tmax + 2, 1), Phase.Evaluation);
            tape.Backward(y, TestArrays.Random(y.Shape.ElementCount, 2));
            return (double[])[.. y.ToArray(), .. layer.Parameters.SelectMany(parameter => parameter.GradientToArray())];
        })];
        Assert.All(results[0].Zip(results[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Padding_leaves_statistics_and_other_cases_as_they_are(string cell, RecurrentExecution execution)
    {
        using RecurrentLayer<double> padded = Make(cell, execution), whole = Make(cell, execution);
        double[] three = TestArrays.Random(Tmax * 3 * Inputs), four = new double[Tmax * 4 * Inputs];
        for (int t = 0; t < Tmax; t++)
        {
            three.AsSpan(t * 3 * Inputs, 3 * Inputs).CopyTo(four.AsSpan(t * 4 * Inputs));
            four.AsSpan(((t * 4) + 3) * Inputs, Inputs).Fill(1000);
        }
        double[] expected = whole.Forward(tape.Constant(three, new Shape(Tmax, 3, Inputs))).ToArray();
        RecurrentState<double>[] states = [default];
        Tensor<double> padding = RecurrentPadding.FromLengths(tape, [Tmax, Tmax, Tmax, 0], Tmax);
        double[] got = padded.Forward(tape.Constant(four, new Shape(Tmax, 4, Inputs)), states, padding).ToArray();
        for (int t = 0; t < Tmax; t++)
        {
            Assert.All(
                expected[(t * 3 * Hidden)..][..(3 * Hidden)].Zip(got[(t * 4 * Hidden)..]),
                pair => Assert.Equal(pair.First, pair.Second, 1e-13));
        }
        Assert.Equal(new double[Hidden], states[0].Hidden!.Value.ToArray()[(3 * Hidden)..]);
        Assert.Equal(cell == "lstm" ? new double[Hidden] : null, states[0].Cell?.ToArray()[(3 * Hidden)..]);
        foreach ((NamedParameter<double> a, NamedParameter<double> b) in whole.NamedState.Zip(padded.NamedState))
        {
            Assert.All(a.Parameter.ToArray().Zip(b.Parameter.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-13));
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_row_moves_part_of_the_way_to_the_batch(string cell, RecurrentExecution execution)
    {
        using RecurrentLayer<double> layer = Make(cell, execution);
        Tensor<double> x = Train(layer, steps: 1);
        double[] product = x.Reshape(4, Inputs).Affine(tape.Watch(layer.Parameters[0])).ToArray();
        double[] mean = Table(layer, "normX.statistics.mean"), variance = Table(layer, "normX.statistics.variance");
        int features = layer.Parameters[0].Shape[1];
        for (int feature = 0; feature < features; feature++)
        {
            double[] column = [.. product.Where((_, i) => i % features == feature)];
            double average = column.Average();
            Assert.Equal(0.1 * average, mean[feature], 1e-14);
            Assert.Equal(0.9 + (0.1 * column.Sum(v => (v - average) * (v - average)) / 3), variance[feature], 1e-14);
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Shared_statistics_of_the_input_are_those_of_all_steps(string cell, RecurrentExecution execution)
    {
        using RecurrentLayer<double> layer = Make(cell, execution, shares: true);
        Tensor<double> x = Train(layer, steps: Tmax);
        double[] product = x.Reshape(Tmax * 4, Inputs).Affine(tape.Watch(layer.Parameters[0])).ToArray();
        double[] mean = Table(layer, "normX.statistics.mean");
        Assert.Equal(layer.Parameters[0].Shape[1], mean.Length);
        Assert.Equal(0.1 * product.Where((_, i) => i % mean.Length == 4).Average(), mean[4], 1e-14);
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void One_case_is_refused_in_training_only(string cell, RecurrentExecution execution)
    {
        using RecurrentLayer<double> layer = Make(cell, execution);
        Assert.Contains("batches of 2 or more", Assert.Throws<ArgumentException>(() => layer.Forward(Input(2, 1))).Message);
        Assert.Equal(new Shape(2, 1, Hidden), layer.Forward(Input(2, 1), Phase.Evaluation).Shape);
    }

    private static double[] Row(double[] table, int step) => table[(step * table.Length / Tmax)..((step + 1) * table.Length / Tmax)];

    private static double[] Table(RecurrentLayer<double> layer, string name) =>
        layer.NamedState.Single(named => named.Path == $"cell0.{name}").Parameter.ToArray();

    private RecurrentLayer<double> Make(string cell, RecurrentExecution execution, int steps = Tmax, bool shares = false)
    {
        RecurrentOptions options = RecurrentPresets.Batch with { StatisticsSteps = steps, SharesInputStatistics = shares };
        RecurrentLayer<double> layer = Networks.Make(cell, backend, Inputs, Hidden, options);
        layer.Execution = execution;
        return layer;
    }

    private Tensor<double> Train(RecurrentLayer<double> layer, int steps)
    {
        Tensor<double> x = Input(steps, 4);
        layer.Forward(x);
        return x;
    }

    private Tensor<double> Input(int steps, int cases) =>
        tape.Constant(TestArrays.Random(steps * cases * Inputs), new Shape(steps, cases, Inputs));
}
