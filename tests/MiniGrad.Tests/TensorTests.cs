using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

public sealed class TensorTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
    private readonly Tape<double> tape;

    public TensorTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Fact]
    public void Data_goes_in_and_out_row_major()
    {
        Tensor<double> x = tape.Constant([1, 2, 3, 4, 5, 6], new Shape(2, 3));
        Assert.Equal([1, 2, 3, 4, 5, 6], x.ToArray());
        Assert.Equal(new Shape(2, 3), x.Shape);
        Assert.Same(tape, x.Tape);
    }

    [Fact]
    public void Data_must_fill_the_shape()
    {
        string message = Assert.Throws<ArgumentException>(() => tape.Constant([1, 2, 3], new Shape(2, 2))).Message;
        Assert.StartsWith("Constant: the host has 3 elements, but shape (2, 2) has 4", message, StringComparison.Ordinal);
        Assert.Contains("Variable: ", Assert.Throws<ArgumentException>(() => tape.Variable([], new Shape(1))).Message);
        Tensor<double> x = tape.Constant([1, 2], new Shape(2));
        Assert.StartsWith("CopyTo: ", Assert.Throws<ArgumentException>(() => x.CopyTo(new double[3])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_a_single_element_is_an_item()
    {
        Assert.Equal(7, tape.Constant([7], new Shape(1, 1)).Item());
        Assert.Contains("(2,)", Assert.Throws<InvalidOperationException>(() => tape.Constant([7, 8], new Shape(2)).Item()).Message);
    }

    [Fact]
    public void A_gradient_that_is_not_there_is_explained()
    {
        Tensor<double> constant = tape.Constant([1], new Shape(1)), variable = tape.Variable([1], new Shape(1));
        Assert.Contains("Tape.Variable", Assert.Throws<InvalidOperationException>(() => constant.GradientToArray()).Message);
        Assert.Contains("Tape.Backward", Assert.Throws<InvalidOperationException>(() => variable.GradientToArray()).Message);
        tape.Backward(tape.Variable([2], new Shape(1)).Tanh());
        Assert.Throws<InvalidOperationException>(() => variable.GradientToArray());
    }

    [Fact]
    public void A_result_needs_a_gradient_if_an_operand_does()
    {
        Tensor<double> constant = tape.Constant([1], new Shape(1)), variable = tape.Variable([1], new Shape(1));
        Assert.False((constant + constant).NeedsGradient);
        Assert.True((constant + variable).NeedsGradient);
        Assert.Single(tape.Nodes);
    }
}
