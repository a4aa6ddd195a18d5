using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>Networks of recurrent cells: shapes, states, padding and what they refuse.</summary>
public sealed class RecurrentLayerTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(1);
    private readonly Tape<double> tape;

    public RecurrentLayerTests() => tape = new Tape<double>(backend);

    public static TheoryData<string> Cells => ["lstm", "gru", "rnn"];

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Layers_are_stacked_and_projected(string cell)
    {
        using RecurrentLayer<double> layer = Networks.Make(cell, backend, 3, 4, RecurrentPresets.Paper, layers: 3, outputs: 2);
        Assert.Equal(3, layer.Cells.Count);
        Assert.Equal(new Shape(5, 2, 2), layer.Forward(Input(5, 2, 3)).Shape);
        Assert.Contains("cell2.normH.gain", layer.NamedParameters.Select(named => named.Path));
        Assert.Contains("projection.weight", layer.NamedParameters.Select(named => named.Path));
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_sequence_in_two_pieces_gives_what_it_gives_in_one(string cell)
    {
        RecurrentOptions options = RecurrentPresets.Paper with { LearnsInitialState = true };
        using RecurrentLayer<double> layer = Networks.Make(cell, backend, 3, 4, options, layers: 2);
        Networks.Spread(layer);
        using CarriedState<double> carried = new(layer, backend, cases: 2);
        double[] x = TestArrays.Random(7 * 2 * 3), whole = layer.Forward(tape.Constant(x, new Shape(7, 2, 3))).ToArray();
        List<double> pieces = [];
        foreach ((int start, int steps) in ((int, int)[])[(0, 4), (4, 3)])
        {
            tape.Reset();
            Span<RecurrentState<double>> states = carried.Load(tape);
            Tensor<double> y = layer.Forward(tape.Constant(x.AsSpan(start * 6, steps * 6), new Shape(steps, 2, 3)), states);
            carried.Save(states);
            pieces.AddRange(y.ToArray());
        }
        Assert.Equal(whole, pieces);
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_trace_has_the_states_and_gates_of_every_step_and_whole_derivatives(string cell)
    {
        using RecurrentLayer<double> layer = Networks.Make(cell, backend, 3, 4, RecurrentPresets.Paper, layers: 2);
        Networks.Spread(layer);
        double[] x = TestArrays.Random(5 * 2 * 3), cotangent = [.. new double[4 * 8], .. TestArrays.Random(8)];
        List<RecurrentStep<double>> trace = [];
        Tensor<double> y = layer.Trace(tape.Constant(x, new Shape(5, 2, 3)), new RecurrentState<double>[2], trace);
        Assert.Equal(2 * 5, trace.Count);
        Assert.All(trace, step => Assert.Equal(cell switch { "lstm" => 3, "gru" => 2, _ => 0 }, step.Gates.Count));
        Assert.All(
            trace.SelectMany(step => step.Gates), gate => Assert.All(gate.ToArray(), value => Assert.InRange(value, 1e-6, 1 - 1e-6)));
        Assert.Equal(y.ToArray(), trace[5..].SelectMany(step => step.Hidden.ToArray()));
        tape.Backward(y, cotangent);
        double[] whole = trace[5 + 2].Hidden.GradientToArray();

        // The same run, cut behind step 2 of the second cell, whose state becomes an input.
        double[] first = [.. trace[3..5].SelectMany(step => step.Hidden.ToArray())], h = trace[7].Hidden.ToArray();
        double[]? c = trace[7].Cell?.ToArray();
        tape.Reset();
        Tensor<double> cut = tape.Variable(h, new Shape(2, 4));
        RecurrentState<double> state = new(cut, c is null ? null : tape.Constant(c, new Shape(2, 4)));
        Tensor<double> rest = layer.Cells[1].Forward(
            tape.Constant(first, new Shape(2, 2, 4)), ref state, default, RecurrentExecution.Fused, Phase.Training);
        tape.Backward(rest, cotangent.AsSpan(3 * 8));
        Assert.All(whole.Zip(cut.GradientToArray()), pair => Assert.Equal(pair.Second, pair.First, 1e-12));
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Padding_hands_on_the_state_and_changes_nothing_before_it(string cell)
    {
        using RecurrentLayer<double> layer = Networks.Make(cell, backend, 3, 4, RecurrentPresets.Paper);
        double[] x = TestArrays.Random(6 * 2 * 3);
        RecurrentState<double>[] states = [default], shorter = [default];
        double[] padded = layer.Forward(
            tape.Constant(x, new Shape(6, 2, 3)), states, RecurrentPadding.FromLengths(tape, [4, 6], 6)).ToArray();
        double[] unpadded = layer.Forward(tape.Constant(x.AsSpan(0, 4 * 6), new Shape(4, 2, 3)), shorter).ToArray();
        Assert.Equal(unpadded, padded[..unpadded.Length]);
        Assert.Equal(shorter[0].Hidden!.Value.ToArray()[..4], states[0].Hidden!.Value.ToArray()[..4]);
        Assert.NotEqual(shorter[0].Hidden!.Value.ToArray()[4..], states[0].Hidden!.Value.ToArray()[4..]);
    }

    [Fact]
    public void Zoneout_in_evaluation_moves_the_state_by_the_mean_share()
    {
        using Lstm<double> plain = new(backend, 3, 4, new Philox(1)), zoned = new(
            backend, 3, 4, new Philox(1), new RecurrentOptions { Zoneout = 0.25 });
        Tensor<double> x = Input(1, 2, 3);
        double[] h = plain.Forward(x, Phase.Evaluation).ToArray(), shared = zoned.Forward(x, Phase.Evaluation).ToArray();
        Assert.All(h.Zip(shared), pair => Assert.Equal(0.75 * pair.First, pair.Second, 1e-15));
    }

    [Fact]
    public void Zoneout_in_training_keeps_some_elements_exactly_and_renews_the_others()
    {
        using Lstm<double> layer = new(backend, 3, 50, new Philox(1), new RecurrentOptions { Zoneout = 0.25 });
        double[] y = layer.Forward(Input(2, 4, 3)).ToArray();
        int kept = Enumerable.Range(0, 200).Count(i => y[200 + i] == y[i]);
        Assert.InRange(kept, 30, 75);
    }

    [Fact]
    public void Wrong_shapes_and_choices_are_refused_by_name()
    {
        using Lstm<double> layer = new(backend, 3, 4, new Philox(1));
        Assert.Contains("Lstm: x has shape (5, 2, 4)", Assert.Throws<ArgumentException>(() => layer.Forward(Input(5, 2, 4))).Message);
        Assert.Contains("2 states were given for 1 cells", Assert.Throws<ArgumentException>(() => Two(layer)).Message);
        Assert.Contains("Tensorflow", Assert.Throws<ArgumentException>(() => RecurrentPresets.Named("Tensorflow")).Message);
        Assert.Contains("reset gate", Assert.Throws<ArgumentException>(
            () => new Gru<double>(backend, 3, 4, new Philox(1), RecurrentPresets.Tensorflow1)).Message);
        Assert.Contains("Zoneout is a probability", Assert.Throws<ArgumentOutOfRangeException>(
            () => new Lstm<double>(backend, 3, 4, new Philox(1), new RecurrentOptions { Zoneout = 1 })).Message);
        Assert.Contains("length of case 1", Assert.Throws<ArgumentOutOfRangeException>(
            () => RecurrentPadding.FromLengths(tape, [3, 7], 6)).Message);

        void Two(Lstm<double> lstm) => lstm.Forward(Input(5, 2, 3), new RecurrentState<double>[2]);
    }

    private Tensor<double> Input(int steps, int cases, int inputs) =>
        tape.Constant(TestArrays.Random(steps * cases * inputs), new Shape(steps, cases, inputs));
}
