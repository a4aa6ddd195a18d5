using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MiniGrad.GoldenGenerator;

/// <summary>Activations and other functions of one element.</summary>
internal static class ElementwiseCases
{
    /// <summary>Intervals of inputs: where functions bend, where differences cancel, where exponentials vanish or overflow.</summary>
    private static readonly (string Name, double Bound, int Concentration)[] Ranges =
        [("ordinary", 3, 1), ("small", 1e-3, 1), ("large", 30, 3), ("huge", 1e4, 5)];

    /// <summary>Records all of them.</summary>
    public static void Add(Recorder recorder)
    {
        Activation("relu", x => relu(x));
        Activation("leaky relu", x => leaky_relu(x, 0.01), ("slope", [0.01]));
        Activation("leaky relu", x => leaky_relu(x, 0.3), ("slope", [0.3]));
        Activation("elu", x => elu(x, 1), ("alpha", [1]));
        Activation("elu", x => elu(x, 0.7), ("alpha", [0.7]));
        Activation("gelu", x => gelu(x, GELU.Approximate.none));
        Activation("gelu tanh", x => gelu(x, GELU.Approximate.tanh));
        // libtorch returns x itself above the threshold, 20 by default, an error of 2e-9; above 40 the two are equal in float64 as well.
        Activation("softplus", x => softplus(x, 1, 40));
        Activation("silu", x => silu(x));
        Activation("tanh", x => x.tanh());
        Activation("sigmoid", x => x.sigmoid());
        Activation("abs", x => x.abs());
        Activation("clip", x => x.clamp(-0.5, 1.5), ("low", [-0.5]), ("high", [1.5]));

        // Which one-sided derivative is taken where there are two.
        Input kink = Input.Of("x", [5], -1.5, -0.5, 0, 0.5, 1.5);
        recorder.Record("relu at its kink", "relu", [kink], x => relu(x[0]));
        recorder.Record("leaky relu at its kink", "leaky relu", [kink], x => leaky_relu(x[0], 0.3), [("slope", [0.3])]);
        recorder.Record("elu at its kink", "elu", [kink], x => elu(x[0], 1), [("alpha", [1])]);
        recorder.Record("abs at its kink", "abs", [kink], x => x[0].abs());
        recorder.Record("clip at its bounds", "clip", [kink], x => x[0].clamp(-0.5, 1.5), [("low", [-0.5]), ("high", [1.5])]);

        Input[] ties = [Input.Of("a", [5], -1, 0, 2, 3, -4), Input.Of("b", [5], -1, 1, 2, -3, -4)];
        recorder.Record("maximum with ties", "maximum", ties, x => maximum(x[0], x[1]));
        recorder.Record("minimum with ties", "minimum", ties, x => minimum(x[0], x[1]));

        Input[] broadcast = [new("a", [2, 3, 5]), new("b", [3, 1], 0.5, 2)];
        recorder.Record("add", "add", broadcast, x => x[0] + x[1]);
        recorder.Record("subtract", "subtract", broadcast, x => x[0] - x[1]);
        recorder.Record("multiply", "multiply", broadcast, x => x[0] * x[1]);
        recorder.Record("divide", "divide", broadcast, x => x[0] / x[1]);
        recorder.Record("maximum", "maximum", broadcast, x => maximum(x[0], x[1]));
        recorder.Record("minimum", "minimum", broadcast, x => minimum(x[0], x[1]));
        foreach (double exponent in new[] { 2, 3, -2, 0.5, -1.5 })
        {
            double low = double.IsInteger(exponent) ? -3 : 0.1;
            recorder.Record($"power {exponent}", "power", [new("x", [3, 7], low, 3)], x => x[0].pow(exponent), [("exponent", [exponent])]);
        }
        recorder.Record("exp", "exp", [new("x", [3, 7], -5, 5)], x => x[0].exp());
        recorder.Record("log", "log", [new("x", [3, 7], 1e-3, 5)], x => x[0].log());
        recorder.Record("sqrt", "sqrt", [new("x", [3, 7], 1e-3, 5)], x => x[0].sqrt());

        void Activation(string op, Func<Tensor, Tensor> forward, params (string Name, double[] Value)[] arguments)
        {
            string with = string.Concat(arguments.Select(argument => $", {argument.Name} {argument.Value[0]}"));
            foreach ((string name, double bound, int concentration) in Ranges)
            {
                Input input = new("x", [3, 7], -bound, bound, concentration);
                recorder.Record($"{op}{with}, {name} inputs", op, [input], x => forward(x[0]), arguments);
            }
        }
    }
}
