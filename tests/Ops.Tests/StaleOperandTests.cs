using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

public class StaleOperandTests
{
    /// <summary>Every op names itself, not just the tensor, when an operand is of before the last reset.</summary>
    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void A_stale_operand_is_reported_under_the_name_of_the_op(string name)
    {
        OpCase op = OpCases.Get(name);
        using IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
        using Tape<double> tape = new(backend);
        double[][] inputs = op.Inputs<double>();
        Tensor<double>[] stale = Variables();
        op.Invoke(stale);
        string[] names = [.. tape.Nodes.Select(node => node.Op), name.Split('.', '(')[0]];
        tape.Reset();
        for (int i = 0; i < stale.Length; i++)
        {
            Tensor<double>[] operands = Variables();
            operands[i] = stale[i];
            string message = Assert.Throws<InvalidOperationException>(() => op.Invoke(operands)).Message;
            Assert.Contains("is stale", message);
            Assert.Contains(message[..message.IndexOf(':', StringComparison.Ordinal)], names);
        }

        Tensor<double>[] Variables() => [.. inputs.Zip(op.Shapes, (values, shape) => tape.Variable(values, shape))];
    }
}
