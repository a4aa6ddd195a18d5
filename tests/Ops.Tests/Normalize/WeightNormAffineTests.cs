using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Normalize;

/// <summary>The fused layer against the plain ops it stands for, where lengths are summed in passing and where they are not.</summary>
public sealed class WeightNormAffineTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>();
    private readonly Tape<double> tape;

    public WeightNormAffineTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Theory]
    [InlineData(4, 5, 3)]
    [InlineData(1, 40, 33)]
    [InlineData(4, 300, 129)]
    [InlineData(4, 600, 700)]
    [InlineData(70, 40, 200)]
    public void It_is_the_product_with_normalized_weights(int rows, int inputs, int units)
    {
        Philox random = new(3);
        Tensor<double> x = Random(random, rows, inputs), v = Random(random, inputs, units), gain = Random(random, units);
        Tensor<double> bias = Random(random, units);
        double[] cotangent = new double[rows * units];
        random.Normal<double>(cotangent);

        Tensor<double> fused = x.WeightNormAffine(v, gain, bias) + v.Sum();
        tape.Backward(fused, cotangent);
        double[][] gradients = [x.GradientToArray(), v.GradientToArray(), gain.GradientToArray(), bias.GradientToArray()];

        Tensor<double> normalized = x.Affine(v.WeightNorm(gain), bias) + v.Sum();
        tape.Backward(normalized, cotangent);
        RequireClose(normalized.ToArray(), fused.ToArray());
        RequireClose(x.GradientToArray(), gradients[0]);
        RequireClose(v.GradientToArray(), gradients[1]);
        RequireClose(gain.GradientToArray(), gradients[2]);
        RequireClose(bias.GradientToArray(), gradients[3]);

        Tensor<double> unbiased = x.WeightNormAffine(v, gain);
        tape.Backward(unbiased, cotangent);
        RequireClose(x.Affine(v.WeightNorm(gain)).ToArray(), unbiased.ToArray());
        RequireClose(gradients[0], x.GradientToArray());
        RequireClose(gradients[2], gain.GradientToArray());
    }

    [Fact]
    public void What_needs_no_gradient_gets_none()
    {
        Philox random = new(5);
        double[] x = new double[4 * 6], v = new double[6 * 9];
        random.Normal<double>(x);
        random.Normal<double>(v);
        Tensor<double> gain = Random(random, 9), bias = Random(random, 9);
        Tensor<double> directions = tape.Constant(v, new Shape(6, 9)), input = tape.Constant(x, new Shape(4, 6));
        tape.Backward((input.WeightNormAffine(directions, gain, bias) + gain).Sum());
        Assert.All(bias.GradientToArray(), value => Assert.Equal(4, value, 1e-12));
        Assert.False(directions.NeedsGradient);
        double[] summed = gain.GradientToArray();
        tape.Backward(input.WeightNormAffine(directions, gain, bias).Sum());
        RequireClose([.. summed.Select(value => value - 4)], gain.GradientToArray());
    }

    [Fact]
    public void What_does_not_fit_is_refused_by_name()
    {
        Philox random = new(1);
        Tensor<double> x = Random(random, 2, 4), v = Random(random, 4, 3), gain = Random(random, 3);
        ArgumentException rank = Assert.Throws<ArgumentException>(() => x.WeightNormAffine(gain, gain));
        Assert.Contains("WeightNormAffine: x of shape (2, 4) and v of shape (3,) do not fit", rank.Message, StringComparison.Ordinal);
        ArgumentException lengths = Assert.Throws<ArgumentException>(() => x.WeightNormAffine(v, v));
        Assert.Contains("WeightNormAffine: gain has shape (4, 3), but must have (3,)", lengths.Message, StringComparison.Ordinal);
        ArgumentException shift = Assert.Throws<ArgumentException>(() => x.WeightNormAffine(v, gain, x));
        Assert.Contains("WeightNormAffine: bias has shape (2, 4), but must have (3,)", shift.Message, StringComparison.Ordinal);
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
