using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

public sealed class GradCheckModuleTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(1);

    public void Dispose() => backend.Dispose();

    [Fact]
    public void A_module_is_checked_by_every_parameter_and_input()
    {
        using Recurrent cell = new(backend);
        GradCheckReport report = GradCheck.Module(backend, cell, x => cell.Step(x[0], x[1], x[2]), Inputs(1));
        report.ThrowIfFailed();
        Assert.Equal(24 + 36 + 12 + 6 + 9 + 9, report.Comparisons);
    }

    [Fact]
    public void A_sequence_is_checked_through_time()
    {
        using Recurrent cell = new(backend);
        GradCheck.Sequence(backend, cell, (_, x) => Unroll(cell, x, cut: false), Inputs(4)).ThrowIfFailed();
    }

    [Fact]
    public void A_state_cut_off_between_steps_is_found_and_what_it_does_not_touch_is_not_named()
    {
        using Recurrent cell = new(backend);
        GradCheckReport report = GradCheck.Sequence(backend, cell, (_, x) => Unroll(cell, x, cut: true), Inputs(3));
        // Only the last step's loss is wrong for what came before it; the last input is right.
        Assert.Equal(["weightX", "weightH", "bias", "x[0]", "x[1]", "h0", "c0"], report.FailedNames);
    }

    [Fact]
    public void Gates_swapped_in_one_cell_are_found_in_the_parameters_that_feed_them()
    {
        using Recurrent cell = new(backend) { SwapGates = true };
        GradCheckReport report = GradCheck.Module(backend, cell, x => cell.Step(x[0], x[1], x[2]), Inputs(1));
        Assert.Equal(["weightX", "weightH", "bias", "x[0]", "h0"], report.FailedNames);
    }

    [Fact]
    public void Order_2_of_a_module_runs_on_dual_numbers()
    {
        using IDualBackend<double> dual = CpuBackend.CreateDual<double>(1);
        using Normalized layer = new(dual);
        GradCheckReport report = GradCheck.Layer(dual, layer, HostTensor<double>.Random("x", new Shape(3, 5), 4), new() { Order = 2 });
        report.ThrowIfFailed();
        Assert.Equal(25 + (3 * 26), report.Comparisons);
    }

    [Fact]
    public void Values_gradients_and_state_are_put_back_bit_for_bit()
    {
        using Normalized layer = new(backend);
        layer.Gain.Set([0.1, -0.0, 1e-310, 3, 1 / 3.0]);
        using (Tape<double> tape = new(backend))
        {
            tape.Backward(layer.Forward(tape.Constant([1, 2, 3, 4, 6], new Shape(1, 5))), [1, 2, 3, 4, 5]);
        }
        double[] state = layer.Calls.ToArray();
        double[][] before = [layer.Gain.ToArray(), layer.Gain.GradientToArray(), layer.Bias.GradientToArray()];
        GradCheck.Layer(backend, layer, HostTensor<double>.Random("x", new Shape(3, 5), 4)).ThrowIfFailed();
        Assert.Equal(state, layer.Calls.ToArray());
        AssertSameBits(before, layer);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(40)]
    public void Values_are_put_back_when_the_function_throws(int atCall)
    {
        using Normalized layer = new(backend);
        int outstanding = backend.Pool.Outstanding, calls = 0;
        double[][] before = [layer.Gain.ToArray(), layer.Gain.GradientToArray(), layer.Bias.GradientToArray()];
        Assert.Throws<NotFiniteNumberException>(() => GradCheck.Module(
            backend, layer, x => ++calls == atCall ? throw new NotFiniteNumberException() : layer.Forward(x[0]),
            [HostTensor<double>.Random("x", new Shape(3, 5), 4)]));
        Assert.Equal(outstanding, backend.Pool.Outstanding);
        Assert.False(layer.Gain.HasGradient);
        AssertSameBits(before, layer);
    }

    [Fact]
    public void A_module_of_another_backend_is_refused()
    {
        using IBackend<double> other = CpuBackend.Create<double>(1);
        using Normalized layer = new(backend);
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => GradCheck.Layer(other, layer, HostTensor<double>.Random("x", new Shape(3, 5), 4)));
        Assert.Contains("'gain'", error.Message, StringComparison.Ordinal);
    }

    private static void AssertSameBits(double[][] before, Normalized layer)
    {
        double[][] after = [layer.Gain.ToArray(), layer.Gain.GradientToArray(), layer.Bias.GradientToArray()];
        Assert.Equal(
            before.SelectMany(values => values.Select(BitConverter.DoubleToInt64Bits)),
            after.SelectMany(values => values.Select(BitConverter.DoubleToInt64Bits)));
    }

    /// <summary>Inputs x[0], x[1], ... of 3 rows, then h0 and c0.</summary>
    private static HostTensor<double>[] Inputs(int steps) =>
    [
        .. Enumerable.Range(0, steps).Select(t => HostTensor<double>.Random($"x[{t}]", new Shape(3, 2), 30 + t)),
        HostTensor<double>.Random("h0", new Shape(3, 3), 40),
        HostTensor<double>.Random("c0", new Shape(3, 3), 41),
    ];

    private static Tensor<double>[] Unroll(Recurrent cell, Tensor<double>[] x, bool cut)
    {
        int steps = x.Length - 2;
        Tensor<double> h = x[steps], c = x[steps + 1];
        Tensor<double>[] outputs = new Tensor<double>[steps];
        for (int t = 0; t < steps; t++)
        {
            if (cut && t == steps - 1)
            {
                h = h.Tape.Constant(h.ToArray(), h.Shape);
            }
            outputs[t] = cell.Step(x[t], h, c);
            (h, c) = (outputs[t], c + h);
        }
        return outputs;
    }

    /// <summary>A small recurrent cell: gates = x Wx + h Wh + b, then the LSTM's formula.</summary>
    private sealed class Recurrent : Module<double>
    {
        private readonly Parameter<double> weightX, weightH, bias;

        public Recurrent(IBackend<double> backend)
        {
            weightX = Add(new Parameter<double>(backend, "weightX", new Shape(2, 12)));
            weightH = Add(new Parameter<double>(backend, "weightH", new Shape(3, 12)));
            bias = Add(new Parameter<double>(backend, "bias", new Shape(12)));
            int seed = 50;
            foreach (Parameter<double> parameter in Parameters)
            {
                parameter.Set(HostTensor<double>.Random(parameter.Name, parameter.Shape, seed++).Values);
            }
        }

        public bool SwapGates { get; init; }

        public Tensor<double> Step(Tensor<double> x, Tensor<double> h, Tensor<double> c)
        {
            Tape<double> tape = x.Tape;
            Tensor<double> gates = x.MatMul(tape.Watch(weightX)) + h.MatMul(tape.Watch(weightH)) + tape.Watch(bias);
            return PlantedBugs.Cell(gates, c, SwapGates);
        }
    }

    /// <summary>Layer norm and a count of calls, as a state that changes at each call.</summary>
    private sealed class Normalized : Layer<double>
    {
        public Normalized(IBackend<double> backend)
        {
            Gain = Add(new Parameter<double>(backend, "gain", new Shape(5)));
            Bias = Add(new Parameter<double>(backend, "bias", new Shape(5)));
            Calls = AddState(new Parameter<double>(backend, "calls", Shape.Scalar));
            Gain.Set([1, 2, 3, 4, 5]);
        }

        public Parameter<double> Gain { get; }

        public Parameter<double> Bias { get; }

        public Parameter<double> Calls { get; }

        public override Tensor<double> Forward(Tensor<double> x, Phase phase = Phase.Training)
        {
            Calls.Set([Calls.ToArray()[0] + 1]);
            return x.LayerNorm(x.Tape.Watch(Gain), x.Tape.Watch(Bias));
        }
    }
}
