using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

/// <summary>The losses of a prediction and a target of the same shape.</summary>
public sealed class MeanLossTests : IDisposable
{
    private readonly IDualBackend<double> backend = CpuBackend.CreateDual<double>();
    private readonly Tape<double> tape;

    public MeanLossTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    /// <summary>Name, op, the loss of one element and its derivative by the prediction, written independently.</summary>
    public static TheoryData<string> Losses => [.. Table.Keys];

    private delegate Tensor<double> Loss(Tensor<double> prediction, Tensor<double> target);

    private static Dictionary<string, (Loss Op, Func<double, double, double> Value, Func<double, double, double> Slope)> Table { get; } =
        new()
        {
            ["MeanSquaredError"] = ((x, t) => x.MeanSquaredError(t), (x, t) => Math.Pow(x - t, 2), (x, t) => 2 * (x - t)),
            ["L1Loss"] = ((x, t) => x.L1Loss(t), (x, t) => Math.Abs(x - t), (x, t) => Math.Sign(x - t)),
            ["HuberLoss"] = (
                (x, t) => x.HuberLoss(t, 0.5),
                (x, t) => Math.Abs(x - t) <= 0.5 ? Math.Pow(x - t, 2) / 2 : 0.5 * (Math.Abs(x - t) - 0.25),
                (x, t) => Math.Clamp(x - t, -0.5, 0.5)),
            ["BinaryCrossEntropyWithLogits"] = (
                (x, t) => x.BinaryCrossEntropyWithLogits(t),
                (x, t) => -(t * Math.Log(1 / (1 + Math.Exp(-x)))) - ((1 - t) * Math.Log(1 / (1 + Math.Exp(x)))),
                (x, t) => (1 / (1 + Math.Exp(-x))) - t),
        };

    [Theory]
    [MemberData(nameof(Losses))]
    public void Value_and_gradient_equal_the_textbook_formula(string name)
    {
        (Loss op, Func<double, double, double> value, Func<double, double, double> slope) = Table[name];
        double[] x = TestArrays.Random(35, 1, -3, 3), t = TestArrays.Random(35, 2, 0, 1);
        Tensor<double> prediction = tape.Variable(x, new Shape(5, 7)), loss = op(prediction, tape.Constant(t, new Shape(5, 7)));
        tape.Backward(loss, [2]);
        double[] gradient = prediction.GradientToArray();
        Assert.Equal(Shape.Scalar, loss.Shape);
        Assert.Equal(x.Zip(t, value).Average(), loss.Item(), 1e-14);
        Assert.All(x, (_, i) => Assert.Equal(2 * slope(x[i], t[i]) / 35, gradient[i], 1e-15));
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_target_that_would_broadcast_is_refused(string name)
    {
        Tensor<double> prediction = tape.Variable([1, 2, 3], new Shape(3, 1)), target = tape.Constant([1, 2, 3], new Shape(3));
        ArgumentException error = Assert.Throws<ArgumentException>(() => Table[name].Op(prediction, target));
        Assert.Contains($"{name}: target has shape (3,), but must have (3, 1)", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_tensor_that_is_prediction_and_target_has_gradient_zero_unless_its_entropy_counts(string name)
    {
        Tensor<double> x = tape.Variable([0.2, 0.7], new Shape(2));
        tape.Backward(Table[name].Op(x, x));

        // All but the binary cross-entropy depend on the difference alone; its gradient is sigmoid(x) - x - x.
        double[] expected = name == "BinaryCrossEntropyWithLogits"
            ? [.. new[] { 0.2, 0.7 }.Select(v => ((1 / (1 + Math.Exp(-v))) - v - v) / 2)]
            : [0, 0];
        Assert.All(expected, (value, i) => Assert.Equal(value, x.GradientToArray()[i], 1e-15));
    }

    [Fact]
    public void Binary_cross_entropy_is_finite_for_huge_logits()
    {
        Tensor<double> x = tape.Variable([1e4, 1e4, -1e4, -1e4], new Shape(4)), t = tape.Constant([1, 0, 1, 0], new Shape(4));
        Tensor<double> loss = x.BinaryCrossEntropyWithLogits(t);
        tape.Backward(loss);
        Assert.Equal(5e3, loss.Item());
        Assert.Equal([0, 0.25, -0.25, 0], x.GradientToArray());
    }

    [Fact]
    public void Binary_cross_entropy_has_its_first_and_second_derivative_at_logit_zero()
    {
        // sigmoid(0) - t = 1/2 - t, and sigmoid'(0) = 1/4, though the stable formula changes branches there.
        HostTensor<double> zero = new("logit", Shape.Scalar, [0.0]);
        Tensor<double> Loss(Tensor<double>[] x) => x[0].BinaryCrossEntropyWithLogits(x[0].Tape.Constant([0.3], Shape.Scalar));
        Assert.Equal(0.2, Jvp.Of(backend, Loss, [zero], [[1.0]]).Tangent[0], 1e-15);
        Assert.Equal(0.25, Hvp.Of(backend, Loss, [zero], [[1.0]]).Products[0][0], 1e-15);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void Huber_needs_a_positive_delta(double delta)
    {
        Tensor<double> x = tape.Variable([1], new Shape(1));
        Assert.Contains(
            "HuberLoss: delta", Assert.Throws<ArgumentOutOfRangeException>(() => x.HuberLoss(x, delta)).Message, StringComparison.Ordinal);
    }
}
