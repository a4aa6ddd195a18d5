using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

public sealed class ParameterTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(threads: 1);

    public void Dispose() => backend.Dispose();

    [Fact]
    public void A_new_parameter_is_zero_and_has_no_gradient()
    {
        using Parameter<double> parameter = new(backend, "weight", new Shape(2, 3));
        Assert.Equal(new double[6], parameter.ToArray());
        Assert.False(parameter.HasGradient);
        Assert.Equal(new double[6], parameter.GradientToArray());
        Assert.Equal("weight (2, 3)", parameter.ToString());
    }

    [Fact]
    public void Values_must_fill_the_shape()
    {
        using Parameter<double> parameter = new(backend, "weight", new Shape(2, 3));
        Assert.Contains("(2, 3)", Assert.Throws<ArgumentException>(() => parameter.Set([1, 2])).Message);
    }

    [Fact]
    public void A_disposed_parameter_says_its_name()
    {
        Parameter<double> parameter = new(backend, "weight", new Shape(2));
        using Tape<double> tape = new(backend);
        Tensor<double> y = tape.Watch(parameter).Tanh();
        parameter.Dispose();
        parameter.Dispose();
        Assert.Contains("weight (2,)", Assert.Throws<ObjectDisposedException>(() => tape.Backward(y, [1, 1])).ObjectName);
        Assert.Throws<ObjectDisposedException>(() => parameter.ToArray());
        Assert.Throws<ObjectDisposedException>(() => parameter.Gradient);
        tape.Reset();
        Assert.Throws<ObjectDisposedException>(() => tape.Watch(parameter));
        Assert.Equal(0, backend.Pool.Outstanding);
    }

    [Fact]
    public void A_parameter_of_another_backend_is_not_watched()
    {
        using IBackend<double> other = CpuBackend.Create<double>(threads: 1);
        using Parameter<double> parameter = new(other, "weight", new Shape(2));
        using Tape<double> tape = new(backend);
        string message = Assert.Throws<InvalidOperationException>(() => tape.Watch(parameter)).Message;
        Assert.StartsWith("Watch: the parameter weight (2,) lives on another backend", message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_its_backend_is_disposed_nothing_touches_the_memory()
    {
        IBackend<double> gone = CpuBackend.Create<double>(threads: 1);
        Parameter<double> parameter = new(gone, "weight", new Shape(2));
        Tape<double> tape = new(gone);
        Tensor<double> x = tape.Variable([1, 2], new Shape(2)), y = x.Tanh();
        tape.Backward(y, [1, 1]);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => x.Tanh());
        Assert.Throws<ObjectDisposedException>(() => x.ToArray());
        Assert.Throws<ObjectDisposedException>(() => tape.Backward(y, [1, 1]));
        Assert.Throws<ObjectDisposedException>(() => parameter.Set([1, 2]));
        Assert.Throws<ObjectDisposedException>(() => new Parameter<double>(gone, "late", new Shape(1)));
        tape.Dispose();
        parameter.Dispose();
    }
}
