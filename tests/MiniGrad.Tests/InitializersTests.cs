using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

public sealed class InitializersTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(threads: 1);

    public void Dispose() => backend.Dispose();

    public static TheoryData<string, double> Variances => new()
    {
        { "XavierUniform", 2.0 / (300 + 100) },
        { "XavierNormal", 2.0 / (300 + 100) },
        { "HeUniform", 2.0 / 300 },
        { "HeNormal", 2.0 / 300 },
    };

    [Theory]
    [MemberData(nameof(Variances))]
    public void Weights_have_the_variance_of_the_scheme(string scheme, double variance)
    {
        using Parameter<double> weight = new(backend, "weight", new Shape(300, 100));
        Philox random = new(31);
        double[] values = (scheme switch
        {
            "XavierUniform" => weight.FillXavierUniform(random),
            "XavierNormal" => weight.FillXavierNormal(random),
            "HeUniform" => weight.FillHeUniform(random),
            _ => weight.FillHeNormal(random),
        }).ToArray();
        Assert.Equal(0, values.Average(), 5 * Math.Sqrt(variance / values.Length));
        Assert.Equal(variance, values.Average(value => value * value), 5 * variance * Math.Sqrt(2.0 / values.Length));
        bool isBounded = values.Max(Math.Abs) <= Math.Sqrt(3 * variance);
        Assert.Equal(scheme.EndsWith("Uniform", StringComparison.Ordinal), isBounded);
    }

    [Fact]
    public void Xavier_scales_with_the_gain()
    {
        using Parameter<double> one = new(backend, "one", new Shape(4, 5)), three = new(backend, "three", new Shape(4, 5));
        one.FillXavierNormal(new Philox(1));
        three.FillXavierNormal(new Philox(1), gain: 3);
        Assert.All(one.ToArray().Zip(three.ToArray()), pair => Assert.Equal(3 * pair.First, pair.Second, 1e-15));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 5)]
    [InlineData(7, 3)]
    [InlineData(3, 7)]
    [InlineData(64, 64)]
    [InlineData(120, 100)]
    public void Orthogonal_matrices_have_an_orthonormal_shorter_side(int rows, int columns)
    {
        using Parameter<double> weight = new(backend, "weight", new Shape(rows, columns));
        double[] w = weight.FillOrthogonal(new Philox(5), gain: 2).ToArray();
        bool isTall = rows >= columns;
        int count = Math.Min(rows, columns), length = Math.Max(rows, columns);
        double At(int vector, int i) => isTall ? w[(i * columns) + vector] : w[(vector * columns) + i];
        for (int a = 0; a < count; a++)
        {
            for (int b = 0; b < count; b++)
            {
                double dot = Enumerable.Range(0, length).Sum(i => At(a, i) * At(b, i));
                Assert.Equal(a == b ? 4 : 0, dot, 1e-14 * 4 * length);
            }
        }
    }

    [Fact]
    public void Orthogonal_matrices_favour_no_direction()
    {
        using Parameter<double> weight = new(backend, "weight", new Shape(2, 2));
        Philox random = new(6);
        int[] quadrants = new int[4];
        int reflections = 0;
        for (int i = 0; i < 4000; i++)
        {
            double[] w = weight.FillOrthogonal(random).ToArray();
            quadrants[(w[0] > 0 ? 1 : 0) + (w[2] > 0 ? 2 : 0)]++;
            reflections += (w[0] * w[3]) - (w[1] * w[2]) < 0 ? 1 : 0;
        }
        Assert.All(quadrants, count => Assert.Equal(1000, count, 5 * Math.Sqrt(750)));
        Assert.Equal(2000, reflections, 5 * Math.Sqrt(1000));
    }

    [Fact]
    public void A_seed_gives_float_and_double_models_the_same_weights()
    {
        using IBackend<float> floats = CpuBackend.Create<float>(threads: 1);
        using Parameter<float> single = new(floats, "weight", new Shape(9, 7));
        using Parameter<double> full = new(backend, "weight", new Shape(9, 7));
        float[] expected = [.. full.FillHeUniform(new Philox(8)).ToArray().Select(value => (float)value)];
        Assert.Equal(expected, single.FillHeUniform(new Philox(8)).ToArray());
    }

    [Fact]
    public void Constants_fill()
    {
        using Parameter<double> bias = new(backend, "bias", new Shape(3));
        Assert.Equal([0.5, 0.5, 0.5], bias.FillConstant(0.5).ToArray());
    }

    [Fact]
    public void Fans_need_a_matrix()
    {
        using Parameter<double> bias = new(backend, "bias", new Shape(3));
        string message = Assert.Throws<ArgumentException>(() => bias.FillHeNormal(new Philox(1))).Message;
        Assert.Contains("bias (3,)", message);
        Assert.Contains("FillNormal", message);
    }
}
