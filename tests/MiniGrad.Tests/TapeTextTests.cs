using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

public sealed class TapeTextTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
    private readonly Parameter<double> weight;
    private readonly Tape<double> tape;

    public TapeTextTests()
    {
        weight = new Parameter<double>(backend, "weight", new Shape(2, 1));
        tape = new Tape<double>(backend);
        weight.Set([3, 4]);
        Tensor<double> x = tape.Constant([1, 2], new Shape(1, 2)), b = tape.Variable([-10], new Shape(1));
        Tensor<double> loss = (x.MatMul(tape.Watch(weight)) + b).Sum();
        tape.Backward(loss, [2]);
    }

    public void Dispose()
    {
        tape.Dispose();
        weight.Dispose();
        backend.Dispose();
    }

    [Fact]
    public void A_tape_prints_as_a_table_of_leaves_and_ops() => Assert.Equal(
        """
        #  op                inputs                shape   |gradient|
        0  constant                                (1, 2)  -
        1  variable                                (1,)    2
        2  parameter weight                        (2, 1)  4.472
        3  MatMul            #0 (1, 2), #2 (2, 1)  (1, 1)  2
        4  Add               #3 (1, 1), #1 (1,)    (1, 1)  2
        5  Sum               #4 (1, 1)             ()      2

        """, tape.ToString());

    [Fact]
    public void A_tape_prints_as_a_graph() => Assert.Equal(
        """
        digraph tape {
          node [shape = box];
          t0 [label = "constant\n(1, 2)", shape = ellipse];
          t1 [label = "variable\n(1,)\n|gradient| 2", shape = ellipse];
          t2 [label = "parameter weight\n(2, 1)\n|gradient| 4.472", shape = ellipse];
          t3 [label = "MatMul\n(1, 1)\n|gradient| 2"];
          t0 -> t3;
          t2 -> t3;
          t4 [label = "Add\n(1, 1)\n|gradient| 2"];
          t3 -> t4;
          t1 -> t4;
          t5 [label = "Sum\n()\n|gradient| 2"];
          t4 -> t5;
        }

        """, tape.ToDot());

    [Fact]
    public void Before_a_backward_pass_there_are_no_gradients()
    {
        weight.ZeroGradient();
        tape.Reset();
        tape.Watch(weight).Tanh();
        Assert.Equal(["#", "0", "1"], tape.ToString().TrimEnd('\n').Split('\n').Select(line => line.Split(' ')[0]));
        Assert.Equal(2, tape.ToString().Split('\n').Count(line => line.EndsWith('-')));
    }

    [Fact]
    public void An_empty_tape_prints_its_header() =>
        Assert.Equal("#  op  inputs  shape  |gradient|\n", new Tape<double>(backend).ToString());

    [Fact]
    public void Names_with_quotes_stay_valid_DOT()
    {
        using Parameter<double> odd = new(backend, "a\"b\\c", new Shape(1));
        tape.Watch(odd);
        Assert.Contains("parameter a\\\"b\\\\c", tape.ToDot());
    }
}
