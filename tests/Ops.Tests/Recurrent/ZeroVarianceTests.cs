using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>Networks that start from zero states and read zeros: nothing that is normalized has a variance.</summary>
public class ZeroVarianceTests
{
    private const int Inputs = 3, Hidden = 8, Cases = 2;

    public static TheoryData<string, string, EpsilonPlacement> Cells => [.. from network in Networks.CellsAndPresets
        from placement in Enum.GetValues<EpsilonPlacement>()
        select (network.Cell, network.Preset, placement)];

    // Gradients grow by up to 1e12 with each step, under tf1; three steps of that still fit a float. Under batch norm those of the two
    // cases, which are alike, cancel in the parameters' gradients, and a float's digits with them.
    [Theory]
    [MemberData(nameof(Cells))]
    public void Values_and_gradients_are_finite_and_those_of_plain_ops(string cell, string preset, EpsilonPlacement placement)
    {
        RecurrentOptions options = RecurrentPresets.Named(preset) with { EpsilonPlacement = placement };
        if (placement == EpsilonPlacement.OutsideRoot)
        {
            options = options with { Epsilon = 1e-3 };
        }
        double[][] expected = Run<double>(cell, options, RecurrentExecution.StepByStep, steps: 3);
        AssertClose(expected, Run<double>(cell, options, RecurrentExecution.Fused, steps: 3), 1e-11);
        AssertClose(expected, Run<float>(cell, options, RecurrentExecution.StepByStep, steps: 3), 1e-3);
        AssertClose(expected, Run<float>(cell, options, RecurrentExecution.Fused, steps: 3), 1e-3);
    }

    [Theory]
    [InlineData("lstm", "paper")]
    [InlineData("lstm", "tf1")]
    [InlineData("gru", "paper")]
    [InlineData("rnn", "rms")]
    public void Small_random_states_keep_gradients_finite_however_long_the_zeros_last(string cell, string preset)
    {
        foreach (RecurrentExecution execution in Enum.GetValues<RecurrentExecution>())
        {
            double[][] gradients = Run<float>(cell, RecurrentPresets.Named(preset), execution, steps: 200, start: 0.1);
            Assert.True(gradients.Max(g => g.Max(Math.Abs)) < 1e6);
        }
    }

    [Fact]
    public void Outside_the_root_a_row_without_variance_is_divided_by_epsilon()
    {
        RecurrentOptions options = RecurrentPresets.Draw with { EpsilonPlacement = EpsilonPlacement.OutsideRoot, Epsilon = 0.5 };
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        foreach (RecurrentExecution execution in Enum.GetValues<RecurrentExecution>())
        {
            using Lstm<double> lstm = new(backend, Inputs, Hidden, new Philox(1), options) { Execution = execution };
            using Tape<double> tape = new(backend);
            Tensor<double> cell = tape.Variable(new double[Hidden], new Shape(1, Hidden));
            RecurrentState<double>[] states = [new(null, cell)];
            double[] weights = TestArrays.Random(Hidden, 3);
            Tensor<double> y = lstm.Forward(tape.Constant(new double[Inputs], new Shape(1, 1, Inputs)), states);
            tape.Backward((y * tape.Constant(weights, y.Shape)).Sum());
            // All gates are 1/2: h = tanh((c / 2 - mean) / epsilon) / 2.
            double mean = weights.Average();
            Assert.All(weights.Zip(cell.GradientToArray()), pair => Assert.Equal((pair.First - mean) / (4 * 0.5), pair.Second, 1e-13));
        }
    }

    [Theory]
    [InlineData(RecurrentExecution.Fused)]
    [InlineData(RecurrentExecution.StepByStep)]
    public void Hessian_vector_products_are_finite(RecurrentExecution execution)
    {
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>(1);
        foreach (EpsilonPlacement placement in Enum.GetValues<EpsilonPlacement>())
        {
            RecurrentOptions options = RecurrentPresets.Paper with { EpsilonPlacement = placement, Epsilon = 1e-3 };
            using Lstm<double> lstm = new(backend, Inputs, Hidden, new Philox(1), options) { Execution = execution };
            HvpResult<double> result = Hvp.Of(
                backend,
                tape =>
                {
                    Tensor<double> y = lstm.Forward(tape.Constant(new double[3 * Cases * Inputs], new Shape(3, Cases, Inputs)));
                    return (y * tape.Constant(TestArrays.Random(y.Shape.ElementCount, 5), y.Shape)).Sum();
                },
                lstm.Parameters, [.. lstm.Parameters.Select((parameter, i) => TestArrays.Random(parameter.Shape.ElementCount, 10 + i))]);
            Assert.All(result.Products, row => Assert.All(row, value => Assert.True(double.IsFinite(value))));
        }
    }

    /// <summary>The outputs, and the gradients of a weighted sum of them by each parameter.</summary>
    private static double[][] Run<T>(string cell, RecurrentOptions options, RecurrentExecution execution, int steps, double start = 0)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1);
        using RecurrentLayer<T> layer = Networks.Make(cell, backend, Inputs, Hidden, options);
        layer.Execution = execution;
        using Tape<T> tape = new(backend);
        T[] hidden = new T[Cases * Hidden];
        new Philox(4).Normal<T>(hidden, 0, start);
        RecurrentState<T>[] states = [start == 0 ? default : new(tape.Constant(hidden, new Shape(Cases, Hidden)))];
        Tensor<T> y = layer.Forward(tape.Constant(new T[steps * Cases * Inputs], new Shape(steps, Cases, Inputs)), states);
        double[] weights = TestArrays.Random(y.Shape.ElementCount, 5);
        tape.Backward((y * tape.Constant([.. weights.Select(w => T.CreateTruncating((float)w))], y.Shape)).Sum());
        return [ToDouble(y.ToArray()), .. layer.Parameters.Select(parameter => ToDouble(parameter.GradientToArray()))];
    }

    private static void AssertClose(double[][] expected, double[][] got, double tolerance)
    {
        foreach ((double[] e, double[] g) in expected.Zip(got))
        {
            double largest = Math.Max(1, e.Max(Math.Abs));
            Assert.All(e.Zip(g), pair => Assert.True(
                double.IsFinite(pair.First) && Math.Abs(pair.First - pair.Second) <= tolerance * largest,
                $"{pair.First:g6} and {pair.Second:g6} differ by more than {tolerance} of {largest:g3}."));
        }
    }

    private static double[] ToDouble<T>(T[] values)
        where T : unmanaged, IFloatingPointIeee754<T> => [.. values.Select(double.CreateChecked)];
}
