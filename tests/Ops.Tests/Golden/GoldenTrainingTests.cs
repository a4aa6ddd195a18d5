using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Golden;

/// <summary>Twenty steps of every optimizer on perceptrons under every scheme, against what libtorch did.</summary>
public class GoldenTrainingTests
{
    public static IEnumerable<TheoryDataRow<string, string, string>> Cases => GoldenData.Rows("training");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Losses_and_parameters_of_twenty_steps_agree_with_libtorch(string file, string type, string name)
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
        using Mlp<T> model = CreateModel(golden, backend);
        using Optimizer<T> optimizer = CreateOptimizer(golden, model.Parameters);
        GoldenTensor x = golden.Input("x"), losses = golden.Output("losses");
        T[] actual = new T[losses.Values.Length];
        for (int step = 0; step < actual.Length; step++)
        {
            Tensor<T> loss = model.Forward(tape.Constant(x.Elements<T>(), new Shape(x.Shape))).SoftmaxCrossEntropy(golden.Labels);
            tape.Backward(loss);
            Clip(golden, model.Parameters);
            optimizer.Step();
            optimizer.ZeroGradients();
            actual[step] = loss.Item();
            tape.Reset();
        }
        Agreement.Require<T>(losses, actual, "");
        foreach (NamedParameter<T> value in model.NamedParameters.Concat(model.NamedState))
        {
            Agreement.Require<T>(golden.Output(value.Path), value.Parameter.ToArray(), "trained");
        }
        Tensor<T> logits = model.Forward(tape.Constant(x.Elements<T>(), new Shape(x.Shape)), Phase.Evaluation);
        Agreement.Require<T>(golden.Output("logits"), logits.ToArray(), "evaluation");
    }

    /// <summary>A perceptron with the recorded parameters, which are all that it has.</summary>
    private static Mlp<T> CreateModel<T>(GoldenCase golden, IBackend<T> backend)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        NormalizationScheme scheme = Enum.Parse<NormalizationScheme>(golden.Op, ignoreCase: true);
        int[] last = golden.Input("output.weight").Shape;
        Mlp<T> model = new(backend, golden.Input("x").Shape[1], [last[0], last[0]], last[1], new Philox(0), scheme, Activation.Tanh);
        NamedParameter<T>[] values = [.. model.NamedParameters, .. model.NamedState];
        Assert.Equal(golden.Inputs.Skip(1).Select(input => input.Name).Order(), values.Select(value => value.Path).Order());
        foreach (NamedParameter<T> value in values)
        {
            Assert.Equal(new Shape(golden.Input(value.Path).Shape), value.Parameter.Shape);
            value.Parameter.Set(golden.Input(value.Path).Elements<T>());
        }
        return model;
    }

    private static void Clip<T>(GoldenCase golden, IReadOnlyList<Parameter<T>> parameters)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (golden.IsSet("clipNorm"))
        {
            parameters.ClipGradientNorm(golden.Argument("clipNorm"));
        }
        if (golden.IsSet("clipValue"))
        {
            parameters.ClipGradientValues(golden.Argument("clipValue"));
        }
    }

    private static Optimizer<T> CreateOptimizer<T>(GoldenCase golden, IReadOnlyList<Parameter<T>> parameters)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double rate = golden.Argument("learningRate");
        return golden.Optimizer switch
        {
            "sgd" => new Sgd<T>(parameters, rate, Optional("momentum", 0), Optional("weightDecay", 0), golden.IsSet("nesterov")),
            "adam" => new Adam<T>(
                parameters, rate, Optional("beta1", 0.9), Optional("beta2", 0.999), Optional("epsilon", 1e-8), Optional("weightDecay", 0)),
            "adamw" => new AdamW<T>(parameters, rate, weightDecay: Optional("weightDecay", 0)),
            "rmsprop" => new RmsProp<T>(
                parameters, rate, Optional("alpha", 0.99), Optional("epsilon", 1e-8), Optional("momentum", 0), Optional("weightDecay", 0)),
            _ => throw new NotSupportedException($"The recorded optimizer '{golden.Optimizer}' has no line here."),
        };

        double Optional(string name, double otherwise) => golden.Arguments.ContainsKey(name) ? golden.Argument(name) : otherwise;
    }
}
