using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

public sealed class TapeTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
    private readonly Tape<double> tape;

    public TapeTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        Assert.Equal(0, backend.Pool.Outstanding);
        backend.Dispose();
    }

    [Fact]
    public void A_tensor_used_twice_gets_both_gradients()
    {
        Tensor<double> x = tape.Variable([2, 3], new Shape(2)), c = tape.Constant([10, 20], new Shape(2));
        tape.Backward(((x * c) + (x * x)).Sum());
        Assert.Equal([10 + 4, 20 + 6], x.GradientToArray());
    }

    [Fact]
    public void A_tensor_read_twice_by_one_op_gets_both_gradients()
    {
        Tensor<double> x = tape.Variable([2, 3], new Shape(2));
        tape.Backward(x * x, [1, 10]);
        Assert.Equal([4, 60], x.GradientToArray());
    }

    [Fact]
    public void A_diamond_is_walked_once()
    {
        Tensor<double> x = tape.Variable([0.5], new Shape(1)), y = x.Tanh();
        tape.Backward(((y + y) * y).Sum());
        double t = Math.Tanh(0.5);
        Assert.Equal(4 * t * (1 - (t * t)), x.GradientToArray()[0], 1e-15);
    }

    [Fact]
    public void Branches_that_do_not_lead_to_the_loss_get_no_gradient()
    {
        Tensor<double> x = tape.Variable([1], new Shape(1)), y = x.Tanh(), aside = (x * x).Tanh();
        tape.Backward(y);
        Assert.Equal(1 - Math.Pow(Math.Tanh(1), 2), x.GradientToArray()[0], 1e-15);
        Assert.Throws<InvalidOperationException>(() => aside.GradientToArray());
    }

    [Fact]
    public void Constants_are_not_differentiated()
    {
        Tensor<double> x = tape.Variable([1, 2], new Shape(2)), c = tape.Constant([3, 4], new Shape(2));
        tape.Backward((x * c).Sum());
        Assert.Throws<InvalidOperationException>(() => c.GradientToArray());
    }

    [Fact]
    public void A_second_backward_pass_starts_tensors_afresh_and_adds_to_parameters()
    {
        using Parameter<double> parameter = new(backend, "p", new Shape(1));
        parameter.Set([3]);
        Tensor<double> x = tape.Variable([2], new Shape(1)), y = x * tape.Watch(parameter);
        tape.Backward(y);
        tape.Backward(y);
        Assert.Equal([3], x.GradientToArray());
        Assert.Equal([4], parameter.GradientToArray());
    }

    [Fact]
    public void Backward_may_start_at_any_tensor()
    {
        Tensor<double> x = tape.Variable([2], new Shape(1)), y = x * x, z = y * y;
        tape.Backward(z);
        Assert.Equal([32], x.GradientToArray());
        tape.Backward(y);
        Assert.Equal([4], x.GradientToArray());
        Assert.Throws<InvalidOperationException>(() => z.GradientToArray());
    }

    [Fact]
    public void Gradients_of_a_parameter_add_up_over_tapes_and_resets()
    {
        using Parameter<double> parameter = new(backend, "p", new Shape(2));
        using Tape<double> other = new(backend);
        tape.Backward(tape.Watch(parameter).Tanh(), [1, 2]);
        other.Backward(other.Watch(parameter).Tanh(), [10, 20]);
        tape.Reset();
        tape.Backward(tape.Watch(parameter).Tanh(), [100, 200]);
        Assert.Equal([111, 222], parameter.GradientToArray());
        Assert.Equal(parameter.GradientToArray(), other.Watch(parameter).GradientToArray());
    }

    [Fact]
    public void A_parameter_is_watched_once_per_tape()
    {
        using Parameter<double> parameter = new(backend, "p", new Shape(1));
        Tensor<double> first = tape.Watch(parameter), second = tape.Watch(parameter);
        tape.Backward(first.Tanh() + second.Tanh());
        Assert.Equal(first.ToString(), second.ToString());
        Assert.Equal(3, tape.ToString().Split('\n').Count(line => line.Contains("(1,)", StringComparison.Ordinal)) - 1);
        Assert.Equal([2], parameter.GradientToArray());
    }

    [Fact]
    public void Pauses_nest_and_record_nothing()
    {
        using Parameter<double> parameter = new(backend, "p", new Shape(1));
        Tensor<double> x = tape.Variable([1], new Shape(1));
        using (tape.Pause())
        {
            using (tape.Pause())
            {
                Assert.False(x.Tanh().NeedsGradient);
            }
            Assert.False((x + tape.Watch(parameter)).NeedsGradient);
            Assert.Empty(tape.Nodes);
        }
        Assert.True(x.Tanh().NeedsGradient);
        Assert.True(tape.Watch(parameter).NeedsGradient);
        Assert.Single(tape.Nodes);
    }

    [Fact]
    public void A_loss_that_is_no_scalar_is_reported_with_shape_and_remedy()
    {
        Tensor<double> y = tape.Variable([1, 2], new Shape(2)).Tanh();
        string message = Assert.Throws<InvalidOperationException>(() => tape.Backward(y)).Message;
        Assert.StartsWith("Backward: a tensor of shape (2,)", message, StringComparison.Ordinal);
        Assert.Contains("Sum", message);
        Assert.Contains("(2,)", Assert.Throws<ArgumentException>(() => tape.Backward(y, [1, 2, 3])).Message);
    }

    [Fact]
    public void A_loss_of_constants_is_reported_with_remedy()
    {
        Tensor<double> y = tape.Constant([1], new Shape(1)).Tanh();
        Assert.Contains("Variable", Assert.Throws<InvalidOperationException>(() => tape.Backward(y)).Message);
        using (tape.Pause())
        {
            Tensor<double> paused = tape.Variable([1], new Shape(1)).Tanh();
            Assert.Contains("paused", Assert.Throws<InvalidOperationException>(() => tape.Backward(paused)).Message);
        }
    }

    [Fact]
    public void A_failed_backward_pass_leaves_the_tape_usable()
    {
        Tensor<double> x = tape.Variable([1, 2], new Shape(2)), y = x.Tanh();
        Assert.Throws<ArgumentException>(() => tape.Backward(y, [1]));
        tape.Backward(y.Sum());
        Assert.Equal(1 - Math.Pow(Math.Tanh(2), 2), x.GradientToArray()[1], 1e-15);
    }

    [Fact]
    public void A_chain_of_100_000_ops_does_not_overflow_the_stack()
    {
        Tensor<double> x = tape.Variable([1], new Shape(1)), one = tape.Constant([1], new Shape(1)), y = x;
        for (int i = 0; i < 100_000; i++)
        {
            y += one;
        }
        tape.Backward(y);
        Assert.Equal([100_001], y.ToArray());
        Assert.Equal([1], x.GradientToArray());
    }

    [Fact]
    public void Nodes_are_used_again_after_a_reset()
    {
        Tensor<double> x = tape.Variable([1], new Shape(1));
        _ = (x + x).Tanh();
        TapeNode<double>[] first = [.. tape.Nodes];
        tape.Reset();
        Assert.Empty(tape.Nodes);
        x = tape.Variable([1], new Shape(1));
        _ = (x + x).Tanh();
        Assert.Equal(first, tape.Nodes);
    }

    [Fact]
    public void A_node_used_again_forgets_the_inputs_it_had()
    {
        Tensor<double> a = tape.Variable([1], new Shape(1)), b = tape.Variable([2], new Shape(1)), c = tape.Variable([3], new Shape(1));
        Tensor<double>.Concat([a, b, c, a], 0);
        tape.Reset();
        a = tape.Variable([1], new Shape(1));
        b = tape.Variable([2], new Shape(1));
        tape.Backward(Tensor<double>.Concat([a, b], 0), [10, 20]);
        Assert.Equal([10], a.GradientToArray());
        Assert.Equal([20], b.GradientToArray());
        Assert.Equal(2, tape.Nodes[0].Inputs.Length);
    }

    [Fact]
    public void Integers_live_until_the_reset()
    {
        DeviceBuffer<int> indices = tape.Indices([3, 1, 2]);
        int[] host = new int[3];
        backend.Download(indices, host);
        Assert.Equal([3, 1, 2], host);
        Assert.Equal(1, backend.Pool.Outstanding);
        tape.Reset();
        Assert.Equal(0, backend.Pool.Outstanding);
    }
}
