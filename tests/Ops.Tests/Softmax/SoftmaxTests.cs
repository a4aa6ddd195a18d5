using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

public sealed class SoftmaxTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(2);
    private readonly Tape<double> tape;

    public SoftmaxTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(17)]
    [InlineData(1000)]
    public void Values_and_gradients_equal_plain_loops(int columns)
    {
        const int Rows = 3;
        double[] x = TestArrays.Random(Rows * columns, 1, -5, 5), dy = TestArrays.Random(Rows * columns, 2);
        Tensor<double> tx = tape.Variable(x, new Shape(Rows, columns)), softmax = tx.Softmax(), log = tx.LogSoftmax();
        tape.Backward(softmax, dy);
        double[] gradient = tx.GradientToArray();
        tape.Backward(log, dy);
        double[] logGradient = tx.GradientToArray();
        for (int row = 0; row < Rows; row++)
        {
            Range range = (row * columns)..((row + 1) * columns);
            double[] powers = [.. x[range].Select(Math.Exp)], cotangent = dy[range];
            double sum = powers.Sum();
            for (int j = 0; j < columns; j++)
            {
                int at = (row * columns) + j;
                double p = powers[j] / sum, expected = 0, logExpected = 0;
                Assert.Equal(p, softmax.ToArray()[at], 1e-15);
                Assert.Equal(Math.Log(p), log.ToArray()[at], 1e-13);
                for (int i = 0; i < columns; i++)
                {
                    double same = i == j ? 1 : 0;
                    expected += cotangent[i] * powers[i] / sum * (same - p);
                    logExpected += cotangent[i] * (same - p);
                }
                Assert.Equal(expected, gradient[at], 1e-13);
                Assert.Equal(logExpected, logGradient[at], 1e-13);
            }
        }
    }

    [Fact]
    public void Huge_logits_neither_overflow_nor_lose_the_logarithm()
    {
        Tensor<double> x = tape.Variable([1e4, 0, -1e4, 1e4, -1e4, -1e4 - 1, -1e4, -1e4 - 2], new Shape(2, 4));
        Assert.Equal([0.5, 0, 0, 0.5], x.Softmax().ToArray()[..4]);
        Tensor<double> log = x.LogSoftmax();
        double[] y = log.ToArray();
        Assert.Equal(-Math.Log(2), y[0], 1e-15);
        Assert.Equal(-2e4 - Math.Log(2), y[2], 1e-11);
        Assert.Equal(-Math.Log(2 + Math.Exp(-1) + Math.Exp(-2)), y[4], 1e-15);
        tape.Backward(log, [0, 0, 1, 0, 0, 0, 0, 0]);
        Assert.Equal([-0.5, 0, 1, -0.5, 0, 0, 0, 0], x.GradientToArray());
    }

    [Fact]
    public void A_constant_added_to_a_row_changes_nothing()
    {
        double[] x = [1, 2, 4, 8];
        Tensor<double> a = tape.Constant(x, new Shape(4)).Softmax(), b = tape.Constant([.. x.Select(v => v + 64)], new Shape(4)).Softmax();
        Assert.Equal(a.ToArray(), b.ToArray());
    }

    [Fact]
    public void Nan_stays_in_its_row()
    {
        Tensor<double> x = tape.Constant([1, double.NaN, 3, 1, 2, 3], new Shape(2, 3));
        Assert.All(x.Softmax().ToArray()[..3], value => Assert.True(double.IsNaN(value)));
        Assert.Equal(1, x.Softmax().ToArray()[3..].Sum(), 1e-15);
        Assert.All(x.LogSoftmax().ToArray()[..3], value => Assert.True(double.IsNaN(value)));
    }

    [Fact]
    public void Another_axis_equals_the_last_axis_of_the_transposed_tensor()
    {
        Tensor<double> x = tape.Constant(TestArrays.Random(24), new Shape(2, 3, 4));
        for (int axis = 0; axis < 3; axis++)
        {
            Assert.Equal(x.Transpose(axis, 2).Softmax().Transpose(axis, 2).ToArray(), x.Softmax(axis).ToArray());
            Assert.All(x.Softmax(axis).Sum(axis).ToArray(), sum => Assert.Equal(1, sum, 1e-15));
            Assert.Equal(x.Transpose(axis, 2).LogSoftmax().Transpose(axis, 2).ToArray(), x.LogSoftmax(axis - 3).ToArray());
        }
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => x.Softmax(3));
        Assert.Contains("(2, 3, 4) has 3 axes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_used_by_both_gets_both_gradients()
    {
        Tensor<double> x = tape.Variable([1, 2, 3], new Shape(3));
        tape.Backward(x.Softmax(), [1, 2, 3]);
        double[] first = x.GradientToArray();
        tape.Backward(x.LogSoftmax(), [1, 2, 3]);
        double[] second = x.GradientToArray();
        tape.Backward(x.Softmax() + x.LogSoftmax(), [1, 2, 3]);
        Assert.Equal(first.Zip(second, (a, b) => a + b), x.GradientToArray());
    }
}
