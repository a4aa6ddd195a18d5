using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

public sealed class GradientClippingTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
    private readonly Parameter<double> a, b, without;
    private readonly Parameter<double>[] all;

    public GradientClippingTests() =>
        all =
        [
            a = new(backend, "a", new Shape(2)), without = new(backend, "without", new Shape(5)), b = new(backend, "b", new Shape(1, 2)),
        ];

    public void Dispose()
    {
        Array.ForEach(all, parameter => parameter.Dispose());
        Assert.Equal(0, backend.Pool.Outstanding);
        backend.Dispose();
    }

    [Fact]
    public void A_long_gradient_is_scaled_to_the_norm_and_its_length_reported()
    {
        SetGradient(a, 1, -2);
        SetGradient(b, 4, 10);
        Assert.Equal(11, all.ClipGradientNorm(5.5), 1e-14);
        double scale = 5.5 / (11 + 1e-6);
        Assert.Equal([scale, -2 * scale], a.GradientToArray());
        Assert.Equal([4 * scale, 10 * scale], b.GradientToArray());
        Assert.False(without.HasGradient);
    }

    [Fact]
    public void A_short_gradient_is_left_alone()
    {
        SetGradient(a, 1, -2);
        SetGradient(b, 4, 10);
        Assert.Equal(11, all.ClipGradientNorm(12), 1e-14);
        Assert.Equal([1, -2], a.GradientToArray());
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(1e200)]
    public void A_norm_that_is_not_finite_is_reported_and_scales_nothing(double bad)
    {
        SetGradient(a, 1, -2);
        SetGradient(b, bad, 10);
        Assert.False(double.IsFinite(all.ClipGradientNorm(1)));
        Assert.Equal([1, -2], a.GradientToArray());
        Assert.Equal([bad, 10], b.GradientToArray());
    }

    [Fact]
    public void Values_are_limited_one_by_one()
    {
        SetGradient(a, 0.5, -2);
        SetGradient(b, double.NaN, double.PositiveInfinity);
        all.ClipGradientValues(1.5);
        Assert.Equal([0.5, -1.5], a.GradientToArray());
        Assert.Equal([double.NaN, 1.5], b.GradientToArray());
        Assert.False(without.HasGradient);
    }

    [Fact]
    public void No_gradients_have_norm_zero() => Assert.Equal(0, all.ClipGradientNorm(1));

    [Theory]
    [InlineData(1)]
    [InlineData(8192)]
    [InlineData(8193)]
    [InlineData(100_003)]
    public void The_norm_is_right_at_every_number_of_chunks(int length)
    {
        using Parameter<double> large = new(backend, "large", new Shape(length));
        double[] gradient = new double[length];
        new Philox(2).Normal<double>(gradient);
        SetGradient(large, gradient);
        SetGradient(a, 3, 4);
        double expected = Math.Sqrt(gradient.Sum(value => value * value) + 25);
        Assert.Equal(expected, new[] { large, a }.GradientNorm(), 1e-13 * expected);
    }

    [Fact]
    public void The_norm_does_not_depend_on_the_number_of_threads()
    {
        float[] gradient = new float[50_000];
        new Philox(3).Normal<float>(gradient);
        double[] norms = [.. new[] { 1, 2, 4 }.Select(threads =>
        {
            using IBackend<float> floats = CpuBackend.Create<float>(threads);
            using Parameter<float> parameter = new(floats, "p", new Shape(50_000));
            using Tape<float> tape = new(floats);
            tape.Backward(tape.Watch(parameter).Tanh(), gradient);
            return new[] { parameter }.GradientNorm();
        })];
        Assert.Equal(norms[0], norms[1]);
        Assert.Equal(norms[0], norms[2]);
    }

    [Fact]
    public void Bad_arguments_are_refused_by_name()
    {
        Assert.Contains("maxNorm is 0", Assert.Throws<ArgumentOutOfRangeException>(() => all.ClipGradientNorm(0)).Message);
        Assert.Contains("limit is -1", Assert.Throws<ArgumentOutOfRangeException>(() => all.ClipGradientValues(-1)).Message);
        using IBackend<double> other = CpuBackend.Create<double>(threads: 1);
        using Parameter<double> foreign = new(other, "foreign", new Shape(2));
        SetGradient(a, 1, 1);
        SetGradient(foreign, 1, 1);
        Assert.Contains("foreign (2,)", Assert.Throws<ArgumentException>(() => new[] { a, foreign }.GradientNorm()).Message);
    }

    private static void SetGradient(Parameter<double> parameter, params double[] gradient)
    {
        using Tape<double> tape = new(parameter.Backend);
        tape.Backward(tape.Watch(parameter).Tanh(), gradient); // tanh' = 1 at the parameter's 0
    }
}
