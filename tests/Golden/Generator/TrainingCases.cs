using MiniGrad.Ops.Tests.Golden;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MiniGrad.GoldenGenerator;

/// <summary>
/// A perceptron of three layers, 5-8-8-3 (5-24-24-3 under group norm), over twenty steps on one batch: the loss of every step, the
/// parameters and statistics after the last, and the logits that evaluation then gives.
/// </summary>
/// <remarks>
/// Only problems that are well conditioned are recorded: weights changed by 1e-10 of themselves must not change the results by more than
/// twenty times as much. RMSProp's first steps are lr / sqrt(1 - alpha) times the sign of each gradient, however small the gradient; at a
/// rate of 0.01 these signs amplify rounding, in libtorch as well, up to ten thousand times, and no two implementations would agree.
/// </remarks>
internal static class TrainingCases
{
    private const int Steps = 20, Rows = 12, Features = 5, Classes = 3, Groups = 8;

    private const double Epsilon = 1e-5, Momentum = 0.1, Perturbation = 1e-10, LargestAmplification = 20;

    private const string Seed = "mlp";

    private static readonly int[] Labels = [0, 1, 2, 2, 1, 0, 1, 1, 0, 2, 0, 2];

    /// <summary>Records every optimizer with the main schemes, and two optimizers with the others.</summary>
    public static void Add(Recorder recorder)
    {
        foreach (string scheme in new[] { "none", "batch", "layer", "weight", "rms", "group" })
        {
            bool isMain = scheme is "none" or "batch" or "layer";
            Train(scheme, "sgd", p => optim.SGD(p, 0.1), ("learningRate", 0.1));
            Train(scheme, "adam", p => optim.Adam(p, 0.01), ("learningRate", 0.01));
            if (!isMain)
            {
                continue;
            }
            Train(scheme, "sgd", p => optim.SGD(p, 0.05, 0.9), ("learningRate", 0.05), ("momentum", 0.9));
            Train(scheme, "sgd", p => optim.SGD(p, 0.05, 0.9, nesterov: true), ("learningRate", 0.05), ("momentum", 0.9), ("nesterov", 1));
            Train(scheme, "sgd", p => optim.SGD(p, 0.05, 0.9, 0, 0.1), ("learningRate", 0.05), ("momentum", 0.9), ("weightDecay", 0.1));
            Train(
                scheme, "sgd", p => optim.SGD(p, 0.05, 0.9, 0, 0.1, nesterov: true),
                ("learningRate", 0.05), ("momentum", 0.9), ("weightDecay", 0.1), ("nesterov", 1));
            Train(
                scheme, "adam", p => optim.Adam(p, 0.02, 0.8, 0.95, 1e-6),
                ("learningRate", 0.02), ("beta1", 0.8), ("beta2", 0.95), ("epsilon", 1e-6));
            Train(scheme, "adam", p => optim.Adam(p, 0.01, weight_decay: 0.1), ("learningRate", 0.01), ("weightDecay", 0.1));
            Train(scheme, "adamw", p => optim.AdamW(p, 0.01, weight_decay: 0.1), ("learningRate", 0.01), ("weightDecay", 0.1));
            Train(scheme, "sgd", p => optim.SGD(p, 0.5), ("learningRate", 0.5), ("clipNorm", 0.2));
            Train(scheme, "sgd", p => optim.SGD(p, 0.5), ("learningRate", 0.5), ("clipValue", 0.02));
            Train(scheme, "rmsprop", p => optim.RMSProp(p, 0.001), ("learningRate", 0.001));
            Train(
                scheme, "rmsprop", p => optim.RMSProp(p, 0.002, 0.9, 1e-3, 0.1, 0.5),
                ("learningRate", 0.002), ("alpha", 0.9), ("epsilon", 1e-3), ("weightDecay", 0.1), ("momentum", 0.5));
        }

        void Train(
            string scheme, string optimizer, Func<Parameter[], optim.Optimizer> create, params (string Name, double Value)[] settings)
        {
            foreach (ScalarType type in Recorder.Types)
            {
                recorder.Add(Run(scheme, optimizer, create, settings, type));
            }
            RequireWellConditioned(
                Run(scheme, optimizer, create, settings, ScalarType.Float64),
                Run(scheme, optimizer, create, settings, ScalarType.Float64, Perturbation));
        }
    }

    private static GoldenCase Run(
        string scheme, string optimizerName, Func<Parameter[], optim.Optimizer> create, (string Name, double Value)[] settings,
        ScalarType type, double perturbation = 0)
    {
        using DisposeScope scope = NewDisposeScope();
        Input[] parameters = [.. Parameters(scheme)];
        Dictionary<string, Tensor> p = parameters.ToDictionary(
            input => input.Name,
            Tensor (input) => new Parameter(
                Recorder.ToTensor(input, Seed, type) * (1 + (perturbation * Recorder.ToTensor(input, "perturbation", type))),
                requires_grad: true));
        Dictionary<string, Tensor> state = State(scheme).ToDictionary(input => input.Name, input => Recorder.ToTensor(input, Seed, type));
        Tensor x = Recorder.ToTensor(new Input("x", [Rows, Features]), Seed, type);
        GoldenTensor[] before = [Recorder.ToGolden("x", x), .. p.Concat(state).Select(pair => Recorder.ToGolden(pair.Key, pair.Value))];
        optim.Optimizer optimizer = create([.. p.Values.Cast<Parameter>()]);
        Tensor labels = tensor(Labels, ScalarType.Int64);
        List<Tensor> losses = [];
        for (int step = 0; step < Steps; step++)
        {
            Tensor loss = cross_entropy(Forward(scheme, p, state, x, training: true), labels);
            optimizer.zero_grad();
            loss.backward();
            Clip(p.Values.Cast<Parameter>(), settings);
            optimizer.step();
            losses.Add(loss.detach());
        }
        return new GoldenCase
        {
            Name = $"{scheme}, {optimizerName}, {string.Join(", ", settings.Select(setting => $"{setting.Name} {setting.Value}"))}",
            Op = scheme,
            Type = Recorder.Name(type),
            Optimizer = optimizerName,
            Arguments = settings.ToDictionary(setting => setting.Name, setting => new[] { setting.Value }),
            Labels = Labels,
            Inputs = [.. before],
            Outputs =
            [
                Recorder.ToGolden("losses", stack(losses)),
                .. p.Concat(state).Select(pair => Recorder.ToGolden(pair.Key, pair.Value)),
                Recorder.ToGolden("logits", Forward(scheme, p, state, x, training: false)),
            ],
        };
    }

    /// <summary>Throws if the second run, with perturbed weights, is too far from the first.</summary>
    private static void RequireWellConditioned(GoldenCase exact, GoldenCase perturbed)
    {
        double change = exact.Outputs.Zip(perturbed.Outputs, (a, b) =>
            a.Values.Zip(b.Values, (u, v) => Math.Abs(u - v)).Max() / a.Values.Max(Math.Abs)).Max();
        if (change > LargestAmplification * Perturbation)
        {
            throw new InvalidOperationException(
                $"'{exact.Name}' amplifies changes of its weights {change / Perturbation:F0} times: choose other rates or another seed.");
        }
    }

    private static void Clip(IEnumerable<Parameter> parameters, (string Name, double Value)[] settings)
    {
        foreach ((string name, double limit) in settings)
        {
            if (name is "clipNorm")
            {
                nn.utils.clip_grad_norm_(parameters, limit);
            }
            else if (name is "clipValue")
            {
                nn.utils.clip_grad_value_(parameters, limit);
            }
        }
    }

    /// <summary>Every hidden layer is linear, normalizer, tanh. A linear layer has no bias before a normalizer that adds one.</summary>
    private static IEnumerable<Input> Parameters(string scheme)
    {
        int hidden = Hidden(scheme);
        foreach ((string layer, int fanIn) in new[] { ("hidden0", Features), ("hidden1", hidden) })
        {
            yield return new Input($"{layer}.linear.weight", [fanIn, hidden], -0.8, 0.8);
            if (scheme is not "none")
            {
                yield return new Input($"{layer}.{Norm(scheme)}.gain", [hidden], 0.7, 1.3);
            }
            yield return new Input($"{layer}.{Norm(scheme)}.bias", [hidden], -0.2, 0.2);
        }
        yield return new Input("output.weight", [hidden, Classes], -0.8, 0.8);
        yield return new Input("output.bias", [Classes], -0.2, 0.2);
    }

    private static IEnumerable<Input> State(string scheme)
    {
        int hidden = Hidden(scheme);
        for (int i = 0; i < 2 && scheme is "batch"; i++)
        {
            yield return Input.Of($"hidden{i}.norm.runningMean", [hidden], new double[hidden]);
            yield return Input.Of($"hidden{i}.norm.runningVariance", [hidden], [.. Enumerable.Repeat(1.0, hidden)]);
        }
    }

    /// <summary>The units of a hidden layer; eight groups leave three to each.</summary>
    private static int Hidden(string scheme) => scheme is "group" ? 24 : 8;

    /// <summary>The module that holds gain and bias.</summary>
    private static string Norm(string scheme) => scheme is "none" or "weight" ? "linear" : "norm";

    private static Tensor Forward(string scheme, Dictionary<string, Tensor> p, Dictionary<string, Tensor> state, Tensor x, bool training)
    {
        foreach (string layer in new[] { "hidden0", "hidden1" })
        {
            Tensor weight = p[$"{layer}.linear.weight"], bias = p[$"{layer}.{Norm(scheme)}.bias"];
            Tensor gain = p.GetValueOrDefault($"{layer}.{Norm(scheme)}.gain")!;
            Tensor a = scheme is "weight" ? x.matmul(Libtorch.WeightNorm(weight, gain)) : x.matmul(weight);
            x = tanh(scheme switch
            {
                "batch" => batch_norm(
                    a, state[$"{layer}.norm.runningMean"], state[$"{layer}.norm.runningVariance"], gain, bias, training, Momentum, Epsilon),
                "layer" => layer_norm(a, [a.shape[1]], gain, bias, Epsilon),
                "rms" => Libtorch.RmsNorm(a, gain, Epsilon) + bias,
                "group" => group_norm(a, Groups, gain, bias, Epsilon),
                _ => a + bias,
            });
        }
        return x.matmul(p["output.weight"]) + p["output.bias"];
    }
}
