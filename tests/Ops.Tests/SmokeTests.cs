using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

public class SmokeTests
{
    [Fact]
    public void A_small_graph_gets_gradients()
    {
        using IBackend<double> backend = CpuBackend.Create<double>();
        using Tape<double> tape = new(backend);
        Tensor<double> x = tape.Variable([1, 2, 3, 4], new Shape(1, 4)), gain = tape.Variable([1, 1, 1, 1], new Shape(4)), bias = tape.Variable([0, 0, 0, 0], new Shape(4));
        Tensor<double> y = x.LayerNorm(gain, bias, 0);
        tape.Backward(y, [1, 0, 0, 0]);
        Assert.Equal([0.268328, -0.357771, -0.089443, 0.178885], x.GradientToArray().Select(v => Math.Round(v, 6)));
        Tensor<double> z = (x + gain).Tanh().Sum();
        tape.Backward(z);
        Assert.Equal(1 - Math.Pow(Math.Tanh(2), 2), x.GradientToArray()[0], 1e-14);
        Assert.Equal(x.GradientToArray(), gain.GradientToArray());
    }
}
