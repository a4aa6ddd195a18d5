using System.Numerics;
using System.Text.RegularExpressions;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>Outputs, final states and all gradients of a network of two layers over a sequence.</summary>
/// <param name="Outputs">Of all steps, then the final states.</param>
/// <param name="Gradients">Of parameters, inputs and initial states; and what batch norm keeps.</param>
/// <param name="IsFused">Whether a whole sequence was one op.</param>
internal sealed partial record RecurrentRun(double[] Outputs, (string Name, double[] Values)[] Gradients, bool IsFused)
{
    private const int Steps = 6, Cases = 5, Inputs = 3;

    public static RecurrentRun Of<T>(
        string cell, RecurrentOptions options, RecurrentExecution execution, int hidden, int cases = Cases, int[]? lengths = null,
        int segment = 0)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1);
        return Of(backend, cell, options, execution, hidden, cases, lengths, segment);
    }

    public static RecurrentRun Of<T>(
        IBackend<T> backend, string cell, RecurrentOptions options, RecurrentExecution execution, int hidden, int cases = Cases,
        int[]? lengths = null, int segment = 0)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using RecurrentLayer<T> layer = Networks.Make(cell, backend, Inputs, hidden, options, layers: 2);
        Networks.Spread(layer);
        layer.Execution = execution;
        layer.SegmentLength = segment;
        using Tape<T> tape = new(backend);
        Tensor<T> x = Variable(tape, new Shape(Steps, cases, Inputs), 1), h = Variable(tape, new Shape(cases, hidden), 2);
        Tensor<T> c = Variable(tape, new Shape(cases, hidden), 3);
        bool hasCell = layer.Cells[0].HasCell;
        RecurrentState<T>[] states = [new(h, hasCell ? c : null), default];
        Tensor<T> y = layer.Forward(x, states, lengths is null ? null : RecurrentPadding.FromLengths(tape, lengths, Steps));
        Tensor<T> h1 = states[0].Hidden!.Value;
        Tensor<T>[] outputs = hasCell ? [y, h1, states[0].Cell!.Value, states[1].Cell!.Value] : [y, h1];
        Tensor<T> loss = tape.Constant([T.Zero], Shape.Scalar);
        for (int i = 0; i < outputs.Length; i++)
        {
            Tensor<T> weights = tape.Constant(Convert<T>(TestArrays.Random(outputs[i].Shape.ElementCount, 50 + i)), outputs[i].Shape);
            loss += (outputs[i] * weights).Sum();
        }
        tape.Backward(loss);
        IEnumerable<(string, double[])> gradients =
            layer.NamedParameters.Select(p => (p.Path, ToDouble(p.Parameter.GradientToArray())));
        return new RecurrentRun(
            [.. outputs.SelectMany(output => ToDouble(output.ToArray()))],
            [
                .. gradients, ("x", ToDouble(x.GradientToArray())), ("h0", ToDouble(h.GradientToArray())),
                .. hasCell ? ((string, double[])[])[("c0", ToDouble(c.GradientToArray()))] : [],
                .. layer.NamedState.Select(p => (p.Path, ToDouble(p.Parameter.ToArray()))),
            ],
            FusedOp().IsMatch(tape.ToString()));
    }

    public void AssertClose(RecurrentRun got, double value, double gradient)
    {
        AssertClose("outputs", Outputs, got.Outputs, value);
        double largest = Gradients.Max(g => g.Values.Max(Math.Abs));
        foreach (((string name, double[] expected), (_, double[] values)) in Gradients.Zip(got.Gradients))
        {
            AssertClose(name, expected, values, gradient * Math.Max(1, largest));
        }
    }

    private static void AssertClose(string name, double[] expected, double[] got, double tolerance)
    {
        double worst = expected.Zip(got, (e, g) => double.IsNaN(g) ? double.PositiveInfinity : Math.Abs(e - g)).Max();
        Assert.True(worst <= tolerance, $"{name}: off by {worst:g3}, over {tolerance:g3}.");
    }

    private static Tensor<T> Variable<T>(Tape<T> tape, Shape shape, int seed)
        where T : unmanaged, IFloatingPointIeee754<T> => tape.Variable(Convert<T>(TestArrays.Random(shape.ElementCount, seed)), shape);

    private static T[] Convert<T>(double[] values)
        where T : unmanaged, IFloatingPointIeee754<T> => [.. values.Select(value => T.CreateTruncating((float)value))];

    private static double[] ToDouble<T>(T[] values)
        where T : unmanaged, IFloatingPointIeee754<T> => [.. values.Select(double.CreateChecked)];

    [GeneratedRegex(" (Lstm|Gru|Rnn) ")]
    private static partial Regex FusedOp();
}
