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
        Dictionary<string, Parameter<T>> values = golden.Inputs.Skip(1).ToDictionary(input => input.Name, input => Create<T>(backend, input));
        using Optimizer<T> optimizer = CreateOptimizer(golden, [.. values.Values.Where(value => !value.Name.Contains("running"))]);
        GoldenTensor x = golden.Input("x"), losses = golden.Output("losses");
        T[] actual = new T[losses.Values.Length];
        for (int step = 0; step < actual.Length; step++)
        {
            Tensor<T> loss = Forward(golden.Op, values, tape.Constant(x.Elements<T>(), new Shape(x.Shape)), Phase.Training).SoftmaxCrossEntropy(golden.Labels);
            tape.Backward(loss);
            Clip(golden, optimizer.Parameters);
            optimizer.Step();
            optimizer.ZeroGradients();
            actual[step] = loss.Item();
            tape.Reset();
        }
        Agreement.Require<T>(losses, actual, "");
        foreach (Parameter<T> value in values.Values)
        {
            Agreement.Require<T>(golden.Output(value.Name), value.ToArray(), "trained");
        }
        Tensor<T> logits = Forward(golden.Op, values, tape.Constant(x.Elements<T>(), new Shape(x.Shape)), Phase.Evaluation);
        Agreement.Require<T>(golden.Output("logits"), logits.ToArray(), "evaluation");
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

    private static Parameter<T> Create<T>(IBackend<T> backend, GoldenTensor recorded)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Parameter<T> parameter = new(backend, recorded.Name, new Shape(recorded.Shape));
        parameter.Set(recorded.Elements<T>());
        return parameter;
    }

    private static Tensor<T> Forward<T>(string scheme, Dictionary<string, Parameter<T>> values, Tensor<T> x, Phase phase)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        foreach (string layer in new[] { "hidden0", "hidden1" })
        {
            Tensor<T> W(string name) => x.Tape.Watch(values[$"{layer}.{name}"]);
            x = (scheme switch
            {
                "none" => x.Affine(W("weight"), W("bias")),
                "weight" => x.Affine(W("weight").WeightNorm(W("gain")), W("bias")),
                "layer" => x.Affine(W("weight")).LayerNorm(W("gain"), W("bias")),
                "rms" => x.Affine(W("weight")).RmsNorm(W("gain")),
                "group" => x.Affine(W("weight")).GroupNorm(2, W("gain"), W("bias")),
                "batch" when phase == Phase.Training => x.Affine(W("weight")).BatchNorm(W("gain"), W("bias"), running: Running(layer)),
                _ => x.Affine(W("weight")).BatchNormEvaluation(W("gain"), W("bias"), Running(layer)),
            }).Tanh();
        }
        return x.Affine(x.Tape.Watch(values["output.weight"]), x.Tape.Watch(values["output.bias"]));

        RunningStatistics<T> Running(string layer) => new(values[$"{layer}.runningMean"].Value, values[$"{layer}.runningVariance"].Value);
    }

    private static Optimizer<T> CreateOptimizer<T>(GoldenCase golden, Parameter<T>[] parameters)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double rate = golden.Argument("learningRate");
        return golden.Optimizer switch
        {
            "sgd" => new Sgd<T>(parameters, rate, Optional("momentum", 0), Optional("weightDecay", 0), golden.IsSet("nesterov")),
            "adam" => new Adam<T>(parameters, rate, Optional("beta1", 0.9), Optional("beta2", 0.999), Optional("epsilon", 1e-8), Optional("weightDecay", 0)),
            "adamw" => new AdamW<T>(parameters, rate, weightDecay: Optional("weightDecay", 0)),
            "rmsprop" => new RmsProp<T>(
                parameters, rate, Optional("alpha", 0.99), Optional("epsilon", 1e-8), Optional("momentum", 0), Optional("weightDecay", 0)),
            _ => throw new NotSupportedException($"The recorded optimizer '{golden.Optimizer}' has no line here."),
        };

        double Optional(string name, double otherwise) => golden.Arguments.ContainsKey(name) ? golden.Argument(name) : otherwise;
    }
}
