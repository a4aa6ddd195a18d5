using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

/// <summary>A tape to give parameters gradients on; the test fails if it leaves a buffer behind.</summary>
public abstract class OptimizerTest : IDisposable
{
    protected OptimizerTest() => Tape = new Tape<double>(Backend);

    protected IBackend<double> Backend { get; } = CpuBackend.Create<double>(threads: 1);

    protected Tape<double> Tape { get; }

    public void Dispose()
    {
        Tape.Dispose();
        Assert.Equal(0, Backend.Pool.Outstanding);
        Backend.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Adds a gradient: that of 1 x at x = the parameter, whose VJP is the cotangent itself.</summary>
    protected void SetGradient(Parameter<double> parameter, double[] gradient)
    {
        Tensor<double> zero = Tape.Constant(new double[gradient.Length], parameter.Shape);
        Tape.Backward(Tape.Watch(parameter) + zero, gradient);
        Tape.Reset();
    }
}
