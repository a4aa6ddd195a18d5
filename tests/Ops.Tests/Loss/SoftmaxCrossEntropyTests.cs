using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

public sealed class SoftmaxCrossEntropyTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(2);
    private readonly Tape<double> tape;

    public SoftmaxCrossEntropyTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Theory]
    [InlineData(4, 10, 0)]
    [InlineData(4, 10, 0.1)]
    [InlineData(1, 1, 0)]
    [InlineData(3, 17, 0.5)]
    [InlineData(2000, 33, 0.05)]
    public void Value_and_gradient_equal_plain_loops(int rows, int columns, double smoothing)
    {
        double[] x = TestArrays.Random(rows * columns, 1, -5, 5);
        int[] labels = [.. Enumerable.Range(0, rows).Select(row => row * 7 % columns)];
        Tensor<double> logits = tape.Variable(x, new Shape(rows, columns)), loss = logits.SoftmaxCrossEntropy(labels, smoothing);
        tape.Backward(loss, [3]);
        double expected = 0;
        double[] gradient = new double[x.Length];
        for (int row = 0; row < rows; row++)
        {
            double sum = x[(row * columns)..((row + 1) * columns)].Sum(Math.Exp);
            for (int j = 0; j < columns; j++)
            {
                int at = (row * columns) + j;
                double p = Math.Exp(x[at]) / sum, q = (j == labels[row] ? 1 - smoothing : 0) + (smoothing / columns);
                expected -= q * Math.Log(p) / rows;
                gradient[at] = 3 * (p - q) / rows;
            }
        }
        Assert.Equal(expected, loss.Item(), 1e-13);
        double[] actual = logits.GradientToArray();
        Assert.All(gradient, (value, i) => Assert.Equal(value, actual[i], 1e-14));
    }

    [Fact]
    public void Log_softmax_at_the_labels_is_the_composed_twin()
    {
        Tensor<double> logits = tape.Variable(TestArrays.Random(12, 1, -3, 3), new Shape(3, 4));
        tape.Backward(logits.SoftmaxCrossEntropy([3, 0, 2]));
        double[] fused = logits.GradientToArray();
        double value = logits.SoftmaxCrossEntropy([3, 0, 2]).Item();
        Tensor<double> picked = logits.LogSoftmax().Reshape(12, 1).Gather([3, 4, 10]).Sum();
        tape.Backward(picked, [-1.0 / 3]);
        Assert.Equal(value, -picked.Item() / 3, 1e-15);
        Assert.All(logits.GradientToArray(), (expected, i) => Assert.Equal(expected, fused[i], 1e-15));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    public void Huge_logits_give_finite_losses_and_gradients(double smoothing)
    {
        Tensor<double> logits = tape.Variable([1e4, 0, -1e4, 1e4, 0, -1e4], new Shape(2, 3));
        Tensor<double> loss = logits.SoftmaxCrossEntropy([0, 2], smoothing);
        tape.Backward(loss);

        // The rows have log p = (0, -1e4, -2e4) and p = (1, 0, 0), to the last bit; q shares s among the classes.
        double share = smoothing / 3, sure = ((1 - smoothing) * 0) + (share * 3e4), wrong = ((1 - smoothing) * 2e4) + (share * 3e4);
        Assert.Equal((sure + wrong) / 2, loss.Item(), 1e-10);
        double[] expected = [smoothing - share, -share, -share, 1 - share, -share, -(1 - smoothing) - share];
        Assert.All(logits.GradientToArray(), (value, i) => Assert.Equal(expected[i] / 2, value, 1e-15));
    }

    [Fact]
    public void A_loss_without_gradient_has_the_same_value()
    {
        double[] x = TestArrays.Random(12, 1, -3, 3);
        double value = tape.Variable(x, new Shape(3, 4)).SoftmaxCrossEntropy([3, 0, 2], 0.1).Item();
        Assert.Equal(value, tape.Constant(x, new Shape(3, 4)).SoftmaxCrossEntropy([3, 0, 2], 0.1).Item());
    }

    [Fact]
    public void All_leading_axes_are_rows()
    {
        double[] x = TestArrays.Random(24, 1, -3, 3);
        int[] labels = [0, 1, 2, 3, 0, 1];
        Assert.Equal(
            tape.Constant(x, new Shape(6, 4)).SoftmaxCrossEntropy(labels).Item(),
            tape.Constant(x, new Shape(2, 3, 4)).SoftmaxCrossEntropy(labels).Item());
    }

    [Fact]
    public void Logits_used_twice_get_both_gradients()
    {
        Tensor<double> logits = tape.Variable([1, 2, 3], new Shape(1, 3));
        tape.Backward(logits.SoftmaxCrossEntropy([1]));
        double[] once = logits.GradientToArray();
        tape.Backward(logits.SoftmaxCrossEntropy([1]) + logits.SoftmaxCrossEntropy([1]));
        Assert.Equal(once.Select(value => 2 * value), logits.GradientToArray());
    }

    [Theory]
    [InlineData(new[] { 0, 3 }, 0, "the label of row 1 is 3, but logits of shape (2, 3) have classes 0 to 2")]
    [InlineData(new[] { -1, 0 }, 0, "the label of row 0 is -1")]
    [InlineData(new[] { 0 }, 0, "logits of shape (2, 3) have 2 rows, but there are 1 labels")]
    [InlineData(new[] { 0, 0 }, 1, "label smoothing")]
    [InlineData(new[] { 0, 0 }, -0.1, "label smoothing")]
    [InlineData(new[] { 0, 0 }, double.NaN, "label smoothing")]
    public void Bad_labels_and_smoothing_are_named(int[] labels, double smoothing, string message)
    {
        Tensor<double> logits = tape.Variable(new double[6], new Shape(2, 3));
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => logits.SoftmaxCrossEntropy(labels, smoothing));
        Assert.Contains("SoftmaxCrossEntropy", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}
