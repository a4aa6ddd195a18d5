using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Normalize;

/// <summary>Values known in advance, identities that the mathematics promises, and rows that break naive kernels.</summary>
public class NormalizerPropertyTests
{
    // A mean near 100 is a float, rounded by up to 2^-18, against a standard deviation of 0.01.
    private const double MeanRounding = 1 / 262144.0 / 0.01;

    private static readonly Shape Row = new(1, 4);

    public static TheoryData<SimdWidth> Widths => [.. SimdSupport.Supported];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Layer_norm_gives_the_golden_vector(SimdWidth width)
    {
        Run run = Run.Of<double>(t => t[0].LayerNorm(0), [Row], [[1, 2, 3, 4]], [1, 0, 0, 0], width);
        Assert.Equal([-1.341641, -0.447214, 0.447214, 1.341641], run.Y.Select(v => Math.Round(v, 6)));
        Assert.Equal([0.268328, -0.357771, -0.089443, 0.178885], run.Gradients[0].Select(v => Math.Round(v, 6)));
    }

    [Fact]
    public void The_gradient_of_layer_norm_sums_to_zero_and_is_orthogonal_to_its_output()
    {
        Shape shape = new(1, 1000);
        Run run = Run.Of<double>(t => t[0].LayerNorm(0), [shape], Run.Inputs([shape]));
        Assert.InRange(Math.Abs(run.Gradients[0].Sum()), 0, 1e-11);
        Assert.InRange(Math.Abs(Dot(run.Gradients[0], run.Y)), 0, 1e-11);
    }

    [Fact]
    public void Shifting_a_row_changes_nothing_and_scaling_it_scales_the_gradient_back()
    {
        Shape shape = new(3, 100);
        double[] x = Run.Inputs([shape])[0];
        Run run = Run.Of<double>(t => t[0].LayerNorm(0), [shape], [x]);
        Run shifted = Run.Of<double>(t => t[0].LayerNorm(0), [shape], [[.. x.Select(v => v + 5)]]);
        Run scaled = Run.Of<double>(t => t[0].LayerNorm(0), [shape], [[.. x.Select(v => 8 * v)]]);
        Assert.InRange(Run.Difference(run.Y, shifted.Y), 0, 1e-13);
        Assert.InRange(Run.Difference(run.Gradients[0], shifted.Gradients[0]), 0, 1e-13);
        Assert.Equal(run.Y, scaled.Y);
        Assert.InRange(Run.Difference(run.Gradients[0], [.. scaled.Gradients[0].Select(v => 8 * v)]), 0, 1e-15);
    }

    [Fact]
    public void Attaching_a_statistic_takes_its_component_out_of_the_gradient()
    {
        // Xu et al. 2019, with epsilon = 0 and no gain: u is dy.
        Shape shape = new(1, 50);
        double[] x = Run.Inputs([shape])[0], u = TestArrays.Random(50, 5);
        Run Detaching(DetachedStatistics detached) => Run.Of<double>(t => t[0].LayerNorm(0, detached), [shape], [x], u);
        double sigma = Math.Sqrt(Variance(x)), projection = Dot(u, Detaching(DetachedStatistics.Both).Y) / 50;
        double[] neither = Detaching(DetachedStatistics.Both).Gradients[0], mean = Detaching(DetachedStatistics.Rstd).Gradients[0];
        double[] both = Detaching(DetachedStatistics.None).Gradients[0], rstd = Detaching(DetachedStatistics.Mean).Gradients[0];

        Assert.Equal(u.Average() / sigma, neither.Average(), 1e-13);
        Assert.Equal(Variance(u) / (sigma * sigma), Variance(neither), 1e-13);
        Assert.Equal(0, mean.Average(), 1e-13);
        Assert.Equal(Variance(u) / (sigma * sigma), Variance(mean), 1e-13);
        Assert.Equal(u.Average() / sigma, rstd.Average(), 1e-13);
        Assert.Equal(0, both.Average(), 1e-13);
        Assert.Equal((Variance(u) - (projection * projection)) / (sigma * sigma), Variance(both), 1e-13);
    }

    [Fact]
    public void The_gradient_of_weight_norm_is_orthogonal_to_each_units_weights()
    {
        Shape[] shapes = [new(50, 9), new(9)];
        double[][] inputs = Run.Inputs(shapes);
        Run run = Run.Of<double>(t => t[0].WeightNorm(t[1]), shapes, inputs);
        for (int unit = 0; unit < 9; unit++)
        {
            Assert.InRange(Math.Abs(Dot(Column(inputs[0], unit, 9), Column(run.Gradients[0], unit, 9))), 0, 1e-14);
            Assert.Equal(Math.Abs(inputs[1][unit]), Math.Sqrt(Column(run.Y, unit, 9).Sum(w => w * w)), 1e-14);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Rows_far_from_zero_keep_their_variance_in_float(SimdWidth width)
    {
        // pytorch/pytorch PR 40308: one pass over sums of squares gives variances of 0 or 9.8e-4 here. y has slope rstd in x.
        Shape shape = new(3, 32768);
        double[] x = [.. Normal(shape.ElementCount).Select(z => (double)(float)(100 + (0.01 * z)))];
        Run run = Run.Of<float>(t => t[0].LayerNorm(0), [shape], [x], width: width);
        for (int row = 0; row < 3; row++)
        {
            double[] values = x[(row * 32768)..((row + 1) * 32768)], y = run.Y[(row * 32768)..((row + 1) * 32768)];
            double mean = values.Average();
            double slope = values.Zip(y, (v, h) => (v - mean) * h).Sum() / values.Sum(v => (v - mean) * (v - mean));
            Assert.Equal(1, 1 / (slope * slope) / Variance(values), 6e-5);
            Assert.InRange(Math.Abs(y.Average()), 0, MeanRounding);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Columns_far_from_zero_keep_their_variance_in_float(SimdWidth width)
    {
        Shape shape = new(32768, 3), feature = new(3);
        double[] x = [.. Normal(shape.ElementCount).Select(z => (double)(float)(100 + (0.01 * z)))], ones = [1, 1, 1], zeros = [0, 0, 0];
        Run run = Run.Of<float>(t => t[0].BatchNorm(t[1], t[2], 0), [shape, feature, feature], [x, ones, zeros], width: width);
        for (int column = 0; column < 3; column++)
        {
            double[] values = Column(x, column, 3), y = Column(run.Y, column, 3);
            double mean = values.Average();
            double slope = values.Zip(y, (v, h) => (v - mean) * h).Sum() / values.Sum(v => (v - mean) * (v - mean));
            Assert.Equal(1, 1 / (slope * slope) / Variance(values), 6e-5);
            Assert.InRange(Math.Abs(y.Average()), 0, MeanRounding);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void A_constant_row_gives_exactly_the_bias_and_multiplies_gradients_by_the_root_of_epsilon(SimdWidth width)
    {
        Shape[] shapes = [new(2, 37), new(37), new(37)];
        double[][] inputs = Run.Inputs(shapes);
        Array.Fill(inputs[0], 0.1f);
        double[] dy = TestArrays.Random(74, 5);
        Run run = Run.Of<float>(t => t[0].LayerNorm(t[1], t[2], 1e-5), shapes, inputs, dy, width);
        Assert.Equal([.. inputs[2], .. inputs[2]], run.Y);
        double[] u = [.. inputs[1].Zip(dy[..37], (g, d) => g * d)];
        double[] expected = [.. u.Select(v => (v - u.Average()) / Math.Sqrt(1e-5))];
        Assert.InRange(Run.Difference(expected, run.Gradients[0][..37]), 0, 1e-5);
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void A_row_is_normalized_alike_alone_in_a_pair_and_as_the_last_of_an_odd_number(SimdWidth width)
    {
        foreach (int columns in (int[])[1, 17, 40, 400, 1000])
        {
            string[] names = ["layer", "layer simple", "rms", "rms with bias", columns % 2 == 0 ? "group" : "layer detached"];
            foreach (string name in names)
            {
                Shape[] shapes = Normalizers.Shapes(name, 5, columns), alone = Normalizers.Shapes(name, 1, columns);
                double[][] inputs = Run.Inputs(shapes);
                double[] dy = TestArrays.Random(5 * columns, 77);
                Run all = Run.Of<float>(t => Normalizers.Fused(name, t), shapes, inputs, dy, width);
                for (int row = 0; row < 5; row++)
                {
                    Range part = (row * columns)..((row + 1) * columns);
                    Run one = Run.Of<float>(t => Normalizers.Fused(name, t), alone, [inputs[0][part], .. inputs[1..]], dy[part], width);
                    Assert.Equal(one.Y, all.Y[part]);
                    Assert.Equal(one.Gradients[0], all.Gradients[0][part]);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void A_first_case_far_from_all_others_does_no_harm_to_the_batch(SimdWidth width)
    {
        // 2000 rows make three chunks; distances from the first row must not make up the sums of the others.
        foreach (int rows in (int[])[100, 2000])
        {
            Shape[] shapes = Normalizers.Shapes("batch", rows, 70);
            double[][] inputs = Run.Inputs(shapes);
            Array.Fill(inputs[0], 1000, 0, 70);
            Run expected = Run.Of<double>(t => Normalizers.Composed("batch", t), shapes, inputs);
            Run got = Run.Of<float>(t => Normalizers.Fused("batch", t), shapes, inputs, width: width);
            Assert.InRange(Run.Difference(expected.Y, got.Y), 0, 1e-6);
            Assert.InRange(Run.Difference(expected.Gradients[1], got.Gradients[1]), 0, 1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void A_NaN_stays_in_its_row(SimdWidth width)
    {
        foreach (string name in (string[])["layer", "layer simple", "rms", "rms with bias", "group"])
        {
            Shape[] shapes = Normalizers.Shapes(name, 5, 34);
            double[][] inputs = Run.Inputs(shapes);
            (double[] y, double[] dx) = Outputs(name, shapes, inputs, width);
            inputs[0][(2 * 34) + 33] = double.NaN;
            (double[] yWithNaN, double[] dxWithNaN) = Outputs(name, shapes, inputs, width);
            for (int i = 0; i < y.Length; i++)
            {
                bool isSpoiled = i / 34 == 2 && (name != "group" || i % 34 >= 17);
                Assert.Equal(isSpoiled ? double.NaN : y[i], yWithNaN[i]);
                Assert.Equal(isSpoiled ? double.NaN : dx[i], dxWithNaN[i]);
            }
        }
    }

    private static (double[] Y, double[] Dx) Outputs(string name, Shape[] shapes, double[][] inputs, SimdWidth width)
    {
        Run run = Run.Of<double>(t => Normalizers.Fused(name, t), shapes, inputs, width: width);
        return (run.Y, run.Gradients[0]);
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double Variance(double[] x)
    {
        double mean = x.Average();
        return x.Average(v => (v - mean) * (v - mean));
    }

    private static double[] Column(double[] matrix, int column, int columns) => [.. matrix.Where((_, i) => i % columns == column)];

    private static double[] Normal(int count)
    {
        double[] z = new double[count];
        new Training.Philox(3).Normal<double>(z);
        return z;
    }
}
