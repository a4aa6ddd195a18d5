using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Normalize;

public class BatchNormTests
{
    private static readonly Shape X = new(6, 5), Feature = new(5);

    [Fact]
    public void Running_statistics_move_a_tenth_of_the_way_to_the_batch()
    {
        double[] x = TestArrays.Random(30), mean = new double[5], variance = [1, 1, 1, 1, 1];
        Train(x, mean, variance);
        for (int column = 0; column < 5; column++)
        {
            double[] values = [.. x.Where((_, i) => i % 5 == column)];
            double average = values.Average(), unbiased = values.Sum(v => (v - average) * (v - average)) / 5;
            Assert.Equal(0.1 * average, mean[column], 1e-15);
            Assert.Equal(0.9 + (0.1 * unbiased), variance[column], 1e-15);
        }
    }

    [Fact]
    public void In_training_the_output_does_not_depend_on_the_running_statistics()
    {
        double[] x = TestArrays.Random(30);
        Assert.Equal(Train(x, new double[5], [1, 1, 1, 1, 1]), Train(x, TestArrays.Random(5, 8), TestArrays.Random(5, 9, 0.5, 2)));
    }

    [Fact]
    public void In_evaluation_a_case_does_not_depend_on_its_batch()
    {
        double[] x = TestArrays.Random(30), mean = TestArrays.Random(5, 8), variance = TestArrays.Random(5, 9, 0.5, 2);
        double[] together = Evaluate(x, mean, variance);
        for (int row = 0; row < 6; row++)
        {
            Assert.Equal(together[(row * 5)..((row + 1) * 5)], Evaluate(x[(row * 5)..((row + 1) * 5)], mean, variance));
        }
    }

    [Fact]
    public void Evaluation_uses_the_running_statistics_and_leaves_them_as_they_are()
    {
        double[] x = TestArrays.Random(30), mean = TestArrays.Random(5, 8), variance = TestArrays.Random(5, 9, 0.5, 2);
        double[] meanBefore = [.. mean], varianceBefore = [.. variance], y = Evaluate(x, mean, variance);
        Assert.Equal(meanBefore, mean);
        Assert.Equal(varianceBefore, variance);
        for (int i = 0; i < 30; i++)
        {
            Assert.Equal((x[i] - mean[i % 5]) / Math.Sqrt(variance[i % 5] + 1e-5), y[i], 1e-14);
        }
    }

    [Fact]
    public void Unbiased_variance_shrinks_a_batch_of_four_by_the_root_of_three_quarters()
    {
        Shape shape = new(4, 3), feature = new(3);
        double[][] inputs = [TestArrays.Random(12), [1, 1, 1], [0, 0, 0]];
        double[] biased = Run.Of<double>(t => t[0].BatchNorm(t[1], t[2], 0), [shape, feature, feature], inputs).Y;
        double[] unbiased = Run.Of<double>(t => t[0].BatchNorm(t[1], t[2], 0, BatchVariance.Unbiased), [shape, feature, feature], inputs).Y;
        Assert.InRange(Run.Difference([.. biased.Select(y => y * Math.Sqrt(0.75))], unbiased), 0, 1e-15);
    }

    [Fact]
    public void A_batch_of_one_is_refused_in_training()
    {
        ArgumentException error = Refused(t => t[0].BatchNorm(t[1], t[2]), [new(1, 5), Feature, Feature]);
        Assert.Contains("BatchNorm: x has shape (1, 5)", error.Message);
        Assert.Contains("BatchNormEvaluation", error.Message);
    }

    [Fact]
    public void Operands_of_other_shapes_are_refused_by_name()
    {
        Assert.Contains("gain has shape (4,), but must have (5,)", Refused(t => t[0].BatchNorm(t[1], t[2]), [X, new(4), Feature]).Message);
        Assert.Contains(
            "BatchNorm: x has shape (2, 3, 5)", Refused(t => t[0].BatchNorm(t[1], t[2]), [new(2, 3, 5), Feature, Feature]).Message);
        Assert.Contains("RmsNorm: bias has shape (4,)", Refused(t => t[0].RmsNorm(t[1], t[2]), [X, Feature, new(4)]).Message);
        Assert.Contains("WeightNorm: gain has shape (6,)", Refused(t => t[0].WeightNorm(t[1]), [X, new(6)]).Message);
        Assert.Contains("Affine: x of shape (6, 5) and weight of shape (4, 5)", Refused(t => t[0].Affine(t[1]), [X, new(4, 5)]).Message);
        Assert.Contains("have 0 and 0 numbers", Refused(t => t[0].BatchNormEvaluation(t[1], t[2], default), [X, Feature, Feature]).Message);
    }

    [Fact]
    public void Groups_that_do_not_divide_the_features_or_hold_one_each_are_refused()
    {
        Assert.Contains(
            "5 features of shape (6, 5) do not fall into 2", Refused(t => t[0].GroupNorm(2, t[1], t[2]), [X, Feature, Feature]).Message);
        Assert.Contains("one feature each", Refused(t => t[0].GroupNorm(5, t[1], t[2]), [X, Feature, Feature]).Message);
    }

    private static ArgumentException Refused(Func<Tensor<double>[], Tensor<double>> op, Shape[] shapes) =>
        Assert.Throws<ArgumentException>(() => Run.Of(op, shapes, Run.Inputs(shapes)));

    private static double[] Train(double[] x, double[] mean, double[] variance) =>
        With(mean, variance, (tape, gain, bias, running) => tape.Constant(x, X).BatchNorm(gain, bias, running: running));

    private static double[] Evaluate(double[] x, double[] mean, double[] variance) =>
        With(
            mean, variance,
            (tape, gain, bias, running) => tape.Constant(x, new Shape(x.Length / 5, 5)).BatchNormEvaluation(gain, bias, running));

    private static double[] With(
        double[] mean, double[] variance, Func<Tape<double>, Tensor<double>, Tensor<double>, RunningStatistics<double>, Tensor<double>> op)
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        using Tape<double> tape = new(backend);
        Tensor<double> gain = tape.Constant([1, 1, 1, 1, 1], Feature), bias = tape.Constant([0, 0, 0, 0, 0], Feature);
        DeviceBuffer<double> runningMean = tape.Rent<double>(5), runningVariance = tape.Rent<double>(5);
        backend.Upload<double>(mean, runningMean);
        backend.Upload<double>(variance, runningVariance);
        double[] y = op(tape, gain, bias, new RunningStatistics<double>(runningMean, runningVariance)).ToArray();
        backend.Download<double>(runningMean, mean);
        backend.Download<double>(runningVariance, variance);
        return y;
    }
}
