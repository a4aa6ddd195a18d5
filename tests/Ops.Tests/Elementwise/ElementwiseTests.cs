using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Elementwise;

public sealed class ElementwiseTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(1);
    private readonly Tape<double> tape;

    public ElementwiseTests() => tape = new(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Fact]
    public void Arithmetic_broadcasts()
    {
        Tensor<double> a = Variable([1, 2, 3], 3, 1), b = Variable([10, 20], 2);
        Assert.Equal([11, 21, 12, 22, 13, 23], (a + b).ToArray());
        Assert.Equal([-9, -19, -8, -18, -7, -17], (a - b).ToArray());
        Assert.Equal([10, 20, 20, 40, 30, 60], (a * b).ToArray());
        Assert.Equal([0.1, 0.05, 0.2, 0.1, 0.3, 0.15], (a / b).ToArray());
        tape.Backward(a * b, [1, 2, 3, 4, 5, 6]);
        Assert.Equal([50, 110, 170], a.GradientToArray());
        Assert.Equal([1 + 6 + 15, 2 + 8 + 18], b.GradientToArray());
    }

    [Fact]
    public void Ties_of_maximum_and_minimum_share_the_gradient()
    {
        Tensor<double> a = Variable([1, 2, 3], 3), b = Variable([2, 2, 2], 3);
        tape.Backward(a.Maximum(b).Sum());
        Assert.Equal([0, 0.5, 1], a.GradientToArray());
        Assert.Equal([1, 0.5, 0], b.GradientToArray());
        tape.Backward(a.Minimum(b).Sum());
        Assert.Equal([1, 0.5, 0], a.GradientToArray());
        Assert.Equal([0, 0.5, 1], b.GradientToArray());
    }

    [Fact]
    public void Kinks_have_the_gradients_of_libtorch()
    {
        AssertGradient([0], x => x.Relu(), [0]);
        AssertGradient([0], x => x.Abs(), [0]);
        AssertGradient([0], x => x.LeakyRelu(0.2), [0.2]);
        AssertGradient([-0.5, 0.5, -0.6, 0.6], x => x.Clip(-0.5, 0.5), [1, 1, 0, 0]);
    }

    [Fact]
    public void Powers_of_zero_have_finite_gradients()
    {
        AssertGradient([0, -2], x => x.Power(0), [0, 0]);
        AssertGradient([0, -2], x => x.Power(1), [1, 1]);
        AssertGradient([0, -2], x => x.Power(2), [0, -4]);
    }

    [Fact]
    public void Gradients_far_out_are_finite()
    {
        double[] far = [-1e300, -1e4, 1e4, 1e300];
        AssertGradient(far, x => x.Sigmoid(), [0, 0, 0, 0]);
        AssertGradient(far, x => x.Softplus(), [0, 0, 1, 1]);
        AssertGradient(far, x => x.Silu(), [0, 0, 1, 1]);
        AssertGradient(far, x => x.Gelu(), [0, 0, 1, 1]);
        AssertGradient(far, x => x.GeluTanh(), [0, 0, 1, 1]);
        AssertGradient(far, x => x.Elu(), [0, 0, 1, 1]);
        AssertGradient(far, x => x.Tanh(), [0, 0, 0, 0]);
    }

    [Fact]
    public void Where_chooses_and_sends_the_gradient_back_to_the_chosen()
    {
        const double inf = double.PositiveInfinity;
        Tensor<double> condition = Variable([1, 0, -1, double.NaN], 4);
        Tensor<double> a = Variable([1, double.NaN, 3, 4], 4), b = Variable([inf], 1);
        Tensor<double> y = condition.Where(a, b);
        Assert.Equal([1, inf, inf, inf], y.ToArray());
        tape.Backward(y, [1, 2, 3, 4]);
        Assert.Equal([1, 0, 0, 0], a.GradientToArray());
        Assert.Equal([9], b.GradientToArray());
        Assert.Throws<InvalidOperationException>(() => condition.GradientToArray());
    }

    [Fact]
    public void Power_of_two_tensors_agrees_with_Math()
    {
        double[] a = TestArrays.Random(50, 1, 0.1, 9), b = TestArrays.Random(50, 2, -3, 3);
        double[] y = Variable(a, 50).Power(Variable(b, 50)).ToArray();
        Assert.All(y, (value, i) => Assert.Equal(1, value / Math.Pow(a[i], b[i]), 1e-14));
    }

    [Fact]
    public void Maximum_and_minimum_of_NaN_are_NaN()
    {
        double[] a = [double.NaN, 1, 1], b = [1, double.NaN, 2];
        Assert.Equal([double.NaN, double.NaN, 2], Variable(a, 3).Maximum(Variable(b, 3)).ToArray());
        Assert.Equal([double.NaN, double.NaN, 1], Variable(a, 3).Minimum(Variable(b, 3)).ToArray());
    }

    [Fact]
    public void Impossible_constants_are_refused()
    {
        Tensor<double> x = Variable([1], 1);
        Assert.Contains("Clip", Assert.Throws<ArgumentException>(() => x.Clip(1, 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Elu(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Activate((Activation)99));
    }

    private Tensor<double> Variable(double[] values, params int[] extents) => tape.Variable(values, new Shape(extents));

    private void AssertGradient(double[] values, Func<Tensor<double>, Tensor<double>> op, double[] expected)
    {
        Tensor<double> x = Variable(values, values.Length);
        tape.Backward(op(x).Sum());
        Assert.Equal(expected, x.GradientToArray());
    }
}
