using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Golden;

/// <summary>LSTM and GRU with libtorch's weights, fused and step by step: outputs, and gradients by everything.</summary>
public class GoldenRecurrentTests
{
    public static IEnumerable<TheoryDataRow<string, string, string, RecurrentExecution>> Cases =>
        from row in GoldenData.Rows("recurrent")
        from execution in Enum.GetValues<RecurrentExecution>()
        select new TheoryDataRow<string, string, string, RecurrentExecution>(row.Data.Item1, row.Data.Item2, row.Data.Item3, execution);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Outputs_and_gradients_agree_with_libtorch(string file, string type, string name, RecurrentExecution execution)
    {
        GoldenCase golden = GoldenData.Find(file, type, name);
        if (type == "float64")
        {
            Check<double>(golden, execution);
        }
        else
        {
            Check<float>(golden, execution);
        }
    }

    private static void Check<T>(GoldenCase golden, RecurrentExecution execution)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int inputs = golden.Input("x").Shape[2], hidden = golden.Input("h0").Shape[1];
        bool isLstm = golden.Op == "lstm";
        using IBackend<T> backend = CpuBackend.Create<T>();
        using RecurrentLayer<T> layer = isLstm
            ? new Lstm<T>(backend, inputs, hidden, new Philox(0))
            : new Gru<T>(backend, inputs, hidden, new Philox(0));
        layer.Execution = execution;
        foreach (NamedParameter<T> named in layer.NamedParameters)
        {
            named.Parameter.Set(golden.Input(named.Parameter.Name).Elements<T>());
        }
        using Tape<T> tape = new(backend);
        Dictionary<string, Tensor<T>> variables = golden.Inputs
            .Where(input => input.Name is "x" or "h0" or "c0")
            .ToDictionary(input => input.Name, input => tape.Variable(input.Elements<T>(), new Shape(input.Shape)));
        RecurrentState<T>[] states = [new(variables["h0"], isLstm ? variables["c0"] : null)];
        Tensor<T> y = layer.Forward(variables["x"], states);
        Agreement.Require<T>(golden.Outputs[0], y.ToArray(), "value");
        tape.Backward(y, [.. golden.Cotangent.Select(T.CreateTruncating)]);
        Dictionary<string, T[]> gradients = layer.Parameters.ToDictionary(
            parameter => parameter.Name, parameter => parameter.GradientToArray());
        foreach (GoldenTensor gradient in golden.Gradients)
        {
            T[] got = variables.TryGetValue(gradient.Name, out Tensor<T> variable) ? variable.GradientToArray() : gradients[gradient.Name];
            Agreement.Require<T>(gradient, got, "gradient by");
        }
    }
}
