using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

public sealed class OperandsTests : IDisposable
{
    private readonly IBackend<float> backend = CpuBackend.Create<float>(threads: 1);
    private readonly Tape<float> tape;

    public OperandsTests() => tape = new Tape<float>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    public static TheoryData<string> Ops => ["Add", "Tanh", "Sum", "MatMul", "LayerNorm", "Backward"];

    [Theory]
    [MemberData(nameof(Ops))]
    public void A_stale_tensor_is_reported_with_op_number_and_remedy(string op)
    {
        Tensor<float> stale = tape.Variable([1, 2, 3, 4], new Shape(2, 2));
        tape.Reset();
        Tensor<float> fresh = tape.Variable([1, 2, 3, 4], new Shape(2, 2)), row = tape.Variable([1, 2], new Shape(2));
        string message = Assert.Throws<InvalidOperationException>(() => Apply(op, stale, fresh, row)).Message;
        Assert.StartsWith($"{op}: tensor 0 of the tape is stale", message, StringComparison.Ordinal);
        Assert.Contains("ToArray", message);
    }

    [Theory]
    [MemberData(nameof(Ops))]
    public void A_default_tensor_is_reported_with_op_and_remedy(string op)
    {
        Tensor<float> fresh = tape.Variable([1, 2, 3, 4], new Shape(2, 2)), row = tape.Variable([1, 2], new Shape(2));
        string message = Assert.Throws<InvalidOperationException>(() => Apply(op, default, fresh, row)).Message;
        Assert.StartsWith($"{op}: default(Tensor<T>)", message, StringComparison.Ordinal);
        Assert.Contains("Tape.Constant", message);
    }

    [Theory]
    [InlineData("Add")]
    [InlineData("MatMul")]
    [InlineData("LayerNorm")]
    [InlineData("Backward")]
    public void A_tensor_of_another_tape_is_reported_with_op_shapes_and_remedy(string op)
    {
        using Tape<float> other = new(backend);
        Tensor<float> foreign = other.Variable([1, 2, 3, 4], new Shape(2, 2));
        Tensor<float> own = tape.Variable([1, 2, 3, 4], new Shape(2, 2)), row = tape.Variable([1, 2], new Shape(2));
        string message = Assert.Throws<InvalidOperationException>(() => Apply(op, foreign, own, row)).Message;
        Assert.StartsWith($"{op}: ", message, StringComparison.Ordinal);
        Assert.Contains("(2, 2)", message);
        Assert.Contains("tape", message);
    }

    [Fact]
    public void Reading_a_stale_tensor_throws_before_it_shows_other_values()
    {
        Tensor<float> stale = tape.Constant([1, 2], new Shape(2));
        tape.Reset();
        tape.Constant([8, 9], new Shape(2));
        Assert.Contains("stale", Assert.Throws<InvalidOperationException>(() => stale.ToArray()).Message);
        Assert.Throws<InvalidOperationException>(() => stale.GradientToArray());
    }

    private void Apply(string op, Tensor<float> bad, Tensor<float> matrix, Tensor<float> row)
    {
        switch (op)
        {
            case "Add": _ = matrix + bad; break;
            case "Tanh": bad.Tanh(); break;
            case "Sum": bad.Sum(); break;
            case "MatMul": matrix.MatMul(bad); break;
            case "LayerNorm": bad.LayerNorm(row, row, 0); break;
            default: tape.Backward(bad); break;
        }
    }
}
