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

    public static TheoryData<RecurrentExecution> Executions => [.. Enum.GetValues<RecurrentExecution>()];

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Theory]
    [MemberData(nameof(Executions))]
    public void Sequences_of_two_lengths_share_one_table(RecurrentExecution execution)
    {
        using Lstm<double> lstm = Make(execution);
        Train(lstm, steps: 2);
        double[] afterTwo = Table(lstm, "normH.statistics.mean"), untouched = new double[4 * Hidden];
        Assert.NotEqual(untouched, afterTwo[Row(1)]);
        Assert.Equal(untouched, afterTwo[Row(2)]);
        Train(lstm, steps: 4);
        double[] afterFour = Table(lstm, "normH.statistics.mean");
        Assert.NotEqual(afterTwo[Row(1)], afterFour[Row(1)]);
        Assert.NotEqual(untouched, afterFour[Row(3)]);
    }

    [Theory]
    [MemberData(nameof(Executions))]
    public void Steps_beyond_the_table_use_its_last_row_and_leave_it_alone(RecurrentExecution execution)
    {
        using Lstm<double> lstm = Make(execution);
        Train(lstm, steps: Tmax);
        double[][] before = [.. lstm.NamedState.Select(named => named.Parameter.ToArray())];

        // A table long enough, whose further rows repeat the last.
        using Lstm<double> longer = Make(execution, Tmax + 6);
        foreach ((NamedParameter<double> from, NamedParameter<double> to) in lstm.NamedParameters.Zip(longer.NamedParameters))
        {
            to.Parameter.Set(from.Parameter.ToArray());
        }
        foreach ((NamedParameter<double> from, NamedParameter<double> to) in lstm.NamedState.Zip(longer.NamedState))
        {
            double[] rows = from.Parameter.ToArray();
            int width = rows.Length / Tmax;
            to.Parameter.Set([.. Enumerable.Range(0, Tmax + 6).SelectMany(t => rows[(Math.Min(t, Tmax - 1) * width)..][..width])]);
        }
        Tensor<double> x = Input(Tmax + 6, 4);
        Assert.Equal(longer.Forward(x, Phase.Evaluation).ToArray(), lstm.Forward(x, Phase.Evaluation).ToArray());
        Assert.Equal(before, lstm.NamedState.Select(named => named.Parameter.ToArray()));

        Train(lstm, steps: Tmax + 6);
        Train(longer, steps: Tmax);
        Assert.Equal(
            longer.NamedState.Select(named => named.Parameter.ToArray()[..(named.Parameter.Shape[1] * Tmax)]),
            lstm.NamedState.Select(named => named.Parameter.ToArray()));
    }

    [Theory]
    [MemberData(nameof(Executions))]
    public void Padding_leaves_statistics_and_other_cases_as_they_are(RecurrentExecution execution)
    {
        using Lstm<double> padded = Make(execution), whole = Make(execution);
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
        Assert.Equal(new double[Hidden], states[0].Cell!.Value.ToArray()[(3 * Hidden)..]);
        foreach ((NamedParameter<double> a, NamedParameter<double> b) in whole.NamedState.Zip(padded.NamedState))
        {
            Assert.All(a.Parameter.ToArray().Zip(b.Parameter.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-13));
        }
    }

    [Theory]
    [MemberData(nameof(Executions))]
    public void A_row_moves_part_of_the_way_to_the_batch(RecurrentExecution execution)
    {
        using Lstm<double> lstm = Make(execution);
        Tensor<double> x = Train(lstm, steps: 1);
        double[] product = x.Reshape(4, Inputs).Affine(tape.Watch(lstm.Parameters[0])).ToArray();
        double[] mean = Table(lstm, "normX.statistics.mean"), variance = Table(lstm, "normX.statistics.variance");
        for (int feature = 0; feature < 4 * Hidden; feature++)
        {
            double[] column = [.. product.Where((_, i) => i % (4 * Hidden) == feature)];
            double average = column.Average();
            Assert.Equal(0.1 * average, mean[feature], 1e-14);
            Assert.Equal(0.9 + (0.1 * column.Sum(v => (v - average) * (v - average)) / 3), variance[feature], 1e-14);
        }
    }

    [Theory]
    [MemberData(nameof(Executions))]
    public void Shared_statistics_of_the_input_are_those_of_all_steps(RecurrentExecution execution)
    {
        RecurrentOptions options = RecurrentPresets.Batch with { SharesInputStatistics = true, StatisticsSteps = Tmax };
        using Lstm<double> lstm = new(backend, Inputs, Hidden, new Philox(1), options) { Execution = execution };
        Tensor<double> x = Train(lstm, steps: Tmax);
        double[] product = x.Reshape(Tmax * 4, Inputs).Affine(tape.Watch(lstm.Parameters[0])).ToArray();
        double[] mean = Table(lstm, "normX.statistics.mean");
        Assert.Equal(4 * Hidden, mean.Length);
        Assert.Equal(0.1 * product.Where((_, i) => i % (4 * Hidden) == 7).Average(), mean[7], 1e-14);
    }

    [Theory]
    [MemberData(nameof(Executions))]
    public void One_case_is_refused_in_training_only(RecurrentExecution execution)
    {
        using Lstm<double> lstm = Make(execution);
        Assert.Contains("batches of 2 or more", Assert.Throws<ArgumentException>(() => lstm.Forward(Input(2, 1))).Message);
        Assert.Equal(new Shape(2, 1, Hidden), lstm.Forward(Input(2, 1), Phase.Evaluation).Shape);
    }

    private static Range Row(int step) => (step * 4 * Hidden)..((step + 1) * 4 * Hidden);

    private static double[] Table(Lstm<double> lstm, string name) =>
        lstm.NamedState.Single(named => named.Path == $"cell0.{name}").Parameter.ToArray();

    private Lstm<double> Make(RecurrentExecution execution, int steps = Tmax) =>
        new(backend, Inputs, Hidden, new Philox(1), RecurrentPresets.Batch with { StatisticsSteps = steps }) { Execution = execution };

    private Tensor<double> Train(Lstm<double> lstm, int steps)
    {
        Tensor<double> x = Input(steps, 4);
        lstm.Forward(x);
        return x;
    }

    private Tensor<double> Input(int steps, int cases) =>
        tape.Constant(TestArrays.Random(steps * cases * Inputs), new Shape(steps, cases, Inputs));
}
