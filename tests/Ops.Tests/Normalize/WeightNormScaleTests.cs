using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Normalize;

public sealed class WeightNormScaleTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>();
    private readonly Tape<double> tape;

    public WeightNormScaleTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Theory]
    [InlineData(5, 3)]
    [InlineData(40, 33)]
    [InlineData(300, 129)]
    public void Scaling_the_outputs_is_normalizing_the_weights(int inputs, int units)
    {
        Philox random = new(3);
        Tensor<double> x = Random(random, 4, inputs), v = Random(random, inputs, units), gain = Random(random, units);
        double[] cotangent = new double[4 * units];
        random.Normal<double>(cotangent);

        Tensor<double> scaled = (x.Affine(v) * v.WeightNormScale(gain)) + v.Sum();
        tape.Backward(scaled, cotangent);
        double[][] gradients = [x.GradientToArray(), v.GradientToArray(), gain.GradientToArray()];

        Tensor<double> normalized = x.Affine(v.WeightNorm(gain)) + v.Sum();
        tape.Backward(normalized, cotangent);
        RequireClose(normalized.ToArray(), scaled.ToArray());
        RequireClose(x.GradientToArray(), gradients[0]);
        RequireClose(v.GradientToArray(), gradients[1]);
        RequireClose(gain.GradientToArray(), gradients[2]);
    }

    [Fact]
    public void What_does_not_fit_is_refused_by_name()
    {
        Tensor<double> v = Random(new Philox(1), 4, 3);
        ArgumentException rank = Assert.Throws<ArgumentException>(() => v.Reshape(12).WeightNormScale(v));
        Assert.Contains("WeightNormScale: v has shape (12,), but must be a matrix", rank.Message, StringComparison.Ordinal);
        ArgumentException gain = Assert.Throws<ArgumentException>(() => v.WeightNormScale(v));
        Assert.Contains("WeightNormScale: gain has shape (4, 3), but must have (3,)", gain.Message, StringComparison.Ordinal);
    }

    private Tensor<double> Random(Philox random, params int[] extents)
    {
        Shape shape = new(extents);
        double[] values = new double[shape.ElementCount];
        random.Normal<double>(values);
        return tape.Variable(values, shape);
    }

    private static void RequireClose(double[] expected, double[] actual)
    {
        double scale = expected.Max(Math.Abs);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-13 * scale));
    }
}
