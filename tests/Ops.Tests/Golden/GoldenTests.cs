using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Golden;

/// <summary>Every recorded op, against what libtorch computed.</summary>
public class GoldenTests
{
    public static IEnumerable<TheoryDataRow<string, string, string>> Cases =>
        GoldenData.Rows("elementwise", "reductions", "matrix", "softmax", "losses", "normalizers");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Values_and_gradients_agree_with_libtorch(string file, string type, string name)
    {
        GoldenCase golden = GoldenData.Find(file, type, name);
        if (type == "float64")
        {
            Check<double>(golden);
        }
        else
        {
            Check<float>(golden);
        }
    }

    private static void Check<T>(GoldenCase golden)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> backend = CpuBackend.Create<T>();
        using Tape<T> tape = new(backend);
        Dictionary<string, Tensor<T>> x = golden.Inputs.ToDictionary(
            input => input.Name, input => tape.Variable(input.Elements<T>(), new Shape(input.Shape)));
        Tensor<T> y = GoldenOps.Apply(golden, [.. x.Values]);
        Assert.Equal(new Shape(golden.Outputs[0].Shape), y.Shape);
        Agreement.Require<T>(golden.Outputs[0], y.ToArray(), "value");
        foreach (GoldenTensor state in golden.Outputs.Skip(1))
        {
            Agreement.Require<T>(state, x[state.Name].ToArray(), "state");
        }
        tape.Backward(y, [.. golden.Cotangent.Select(T.CreateTruncating)]);
        foreach (GoldenTensor gradient in golden.Gradients)
        {
            Agreement.Require<T>(gradient, x[gradient.Name].GradientToArray(), "gradient by");
        }
    }
}
