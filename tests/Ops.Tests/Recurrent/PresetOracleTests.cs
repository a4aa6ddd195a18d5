using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>Every preset against its published equations, written out in loops over numbers.</summary>
public class PresetOracleTests
{
    private const int Steps = 6, Cases = 3, Inputs = 4, Hidden = 5;

    private static readonly string[] LstmPresets = ["plain", "paper", "authors", "haste", "pytorch-bench", "tfa", "tf1", "draw"];

    private static readonly string[] GruPresets = ["plain", "paper", "authors", "haste"];

    public static MatrixTheoryData<string, RecurrentExecution> Lstms => new(LstmPresets, Enum.GetValues<RecurrentExecution>());

    public static MatrixTheoryData<string, RecurrentExecution> Grus => new(GruPresets, Enum.GetValues<RecurrentExecution>());

    [Theory]
    [MemberData(nameof(Lstms))]
    public void An_lstm_computes_the_published_equations(string preset, RecurrentExecution execution)
    {
        using Network n = new("lstm", preset);
        AssertClose(n.OverSequence((x, state) => LstmStep(preset, n, x, state), new double[2 * Hidden]), n.Run(execution));
    }

    [Theory]
    [MemberData(nameof(Grus))]
    public void A_gru_computes_the_published_equations(string preset, RecurrentExecution execution)
    {
        using Network n = new("gru", preset);
        AssertClose(n.OverSequence((x, h) => GruStep(preset, n, x, h), new double[Hidden]), n.Run(execution));
    }

    [Theory]
    [InlineData(RecurrentExecution.Fused)]
    [InlineData(RecurrentExecution.StepByStep)]
    public void The_papers_simple_network_normalizes_the_sum(RecurrentExecution execution)
    {
        using Network n = new("rnn", "paper");
        double[] expected = n.OverSequence(
            (x, h) => Map(Math.Tanh, Norm(Add(n.TimesX(x), n.TimesH(h)), n["normH.gain"], n["normH.bias"], 1e-5)), new double[Hidden]);
        AssertClose(expected, n.Run(execution));
    }

    [Fact]
    public void Presets_differ_from_each_other()
    {
        foreach ((string cell, string[] presets) in ((string, string[])[])[("lstm", LstmPresets), ("gru", GruPresets)])
        {
            double[][] outputs = [.. presets.Select(preset =>
            {
                using Network network = new(cell, preset);
                return network.Run(RecurrentExecution.Fused);
            })];
            for (int a = 0; a < presets.Length; a++)
            {
                for (int b = a + 1; b < presets.Length; b++)
                {
                    double largest = outputs[a].Zip(outputs[b], (x, y) => Math.Abs(x - y)).Max();
                    Assert.True(largest > 1e-3, $"{cell}: {presets[a]} and {presets[b]} differ by {largest:g3} only.");
                }
            }
        }
    }

    [Theory]
    [InlineData("haste", "bias", 1)]
    [InlineData("tfa", "bias", 1)]
    [InlineData("tf1", "normH.bias", 1)]
    [InlineData("batch", "bias", 1)]
    [InlineData("paper", "bias", 0)]
    public void The_forget_gate_starts_at_its_bias(string preset, string bias, double expected)
    {
        using Network n = new("lstm", preset, isSpread: false);
        Assert.All(n[bias][..Hidden], value => Assert.Equal(expected, value));
        Assert.All(n[bias][Hidden..], value => Assert.Equal(0, value));
    }

    /// <summary>Gates in the order f, i, o, g; the state is h, then the carried c.</summary>
    private static double[] LstmStep(string preset, Network n, double[] x, double[] state)
    {
        double[] h = state[..Hidden], c = state[Hidden..], a;
        switch (preset)
        {
            case "plain" or "draw":
                a = Add(n.TimesX(x), n.TimesH(h), n["bias"]);
                break;
            case "paper":
                a = Add(BothNorms(n.TimesH(h), n.TimesX(x), n, 1e-5), n["bias"]);
                break;
            case "authors":
                double[] biased = Add(n.TimesX(x), n["bias"]);
                a = Add(BothNorms(n.TimesH(h), biased, n, 1e-5), n["bias"]);
                break;
            case "haste":
                double[] none = new double[4 * Hidden];
                a = Add(Norm(n.TimesH(h), n["normH.gain"], none, 1e-5), Norm(n.TimesX(x), n["normX.gain"], none, 1e-5), n["bias"]);
                break;
            case "pytorch-bench":
                a = BothNorms(n.TimesH(h), n.TimesX(x), n, 1e-5);
                break;
            case "tfa":
                a = Add(BothNorms(n.TimesH(h), n.TimesX(x), n, 1e-3), n["bias"]);
                break;
            case "tf1":
                double[] sum = Add(n.TimesX(x), n.TimesH(h));
                a = [.. Enumerable.Range(0, 4).SelectMany(gate =>
                {
                    Range features = (gate * Hidden)..((gate + 1) * Hidden);
                    return Norm(sum[features], n["normH.gain"][features], n["normH.bias"][features], 1e-12);
                })];
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(preset), preset, null);
        }
        double[] raw = new double[Hidden], next = new double[2 * Hidden];
        for (int j = 0; j < Hidden; j++)
        {
            raw[j] = (Sigmoid(a[j]) * c[j]) + (Sigmoid(a[Hidden + j]) * Math.Tanh(a[(3 * Hidden) + j]));
        }
        double epsilon = preset switch { "tfa" => 1e-3, "tf1" => 1e-12, _ => 1e-5 };
        double[] normalized = preset == "plain" ? raw : Norm(raw, n["normC.gain"], n["normC.bias"], epsilon);
        for (int j = 0; j < Hidden; j++)
        {
            next[j] = Sigmoid(a[(2 * Hidden) + j]) * Math.Tanh(normalized[j]);
            next[Hidden + j] = preset is "pytorch-bench" or "tfa" or "tf1" ? normalized[j] : raw[j];
        }
        return next;
    }

    /// <summary>Gates in the order z, r, candidate.</summary>
    private static double[] GruStep(string preset, Network n, double[] x, double[] h)
    {
        double[] product = n.TimesH(h), input = n.TimesX(x), own = new double[Hidden];
        switch (preset)
        {
            case "plain":
                input = Add(input, n["bias"]);
                own = n["candidateBias"];
                break;
            case "haste":
                product = Norm(product, n["normH.gain"], new double[3 * Hidden], 1e-5);
                input = Add(Norm(input, n["normX.gain"], new double[3 * Hidden], 1e-5), n["bias"]);
                own = n["candidateBias"];
                break;
            default:
                // The gates' 2H share statistics, and the candidate has its own.
                product = TwoNorms(product, n["normH.gain"], n["normH.bias"]);
                input = TwoNorms(preset == "authors" ? Add(input, n["bias"]) : input, n["normX.gain"], n["normX.bias"]);
                break;
        }
        double[] next = new double[Hidden];
        for (int j = 0; j < Hidden; j++)
        {
            double z = Sigmoid(product[j] + input[j]), r = Sigmoid(product[Hidden + j] + input[Hidden + j]);
            double q = Math.Tanh(input[(2 * Hidden) + j] + (r * (product[(2 * Hidden) + j] + own[j])));
            next[j] = preset == "paper" ? ((1 - z) * h[j]) + (z * q) : (z * h[j]) + ((1 - z) * q);
        }
        return next;
    }

    private static double[] BothNorms(double[] product, double[] input, Network n, double epsilon) => Add(
        Norm(product, n["normH.gain"], n["normH.bias"], epsilon), Norm(input, n["normX.gain"], n["normX.bias"], epsilon));

    private static double[] TwoNorms(double[] a, double[] gain, double[] bias)
    {
        int gates = 2 * Hidden;
        return [.. Norm(a[..gates], gain[..gates], bias[..gates], 1e-5), .. Norm(a[gates..], gain[gates..], bias[gates..], 1e-5)];
    }

    private static double[] Norm(double[] a, double[] gain, double[] bias, double epsilon)
    {
        double mean = a.Average(), deviation = Math.Sqrt(a.Select(v => (v - mean) * (v - mean)).Average() + epsilon);
        return [.. a.Select((v, i) => (gain[i] * (v - mean) / deviation) + bias[i])];
    }

    private static double[] Add(params double[][] terms) =>
        [.. Enumerable.Range(0, terms[0].Length).Select(i => terms.Sum(term => term[i]))];

    private static double[] Map(Func<double, double> f, double[] a) => [.. a.Select(f)];

    private static double Sigmoid(double a) => 1 / (1 + Math.Exp(-a));

    private static void AssertClose(double[] expected, double[] got)
    {
        Assert.Equal(expected.Length, got.Length);
        Assert.All(expected.Zip(got), pair => Assert.Equal(pair.First, pair.Second, 1e-13));
    }

    /// <summary>A network, its parameters as arrays, and products with its weights.</summary>
    private sealed class Network : IDisposable
    {
        private readonly IBackend<double> backend = CpuBackend.Create<double>(1);
        private readonly RecurrentLayer<double> layer;
        private readonly Dictionary<string, double[]> parameters;
        private readonly double[] x = TestArrays.Random(Steps * Cases * Inputs, 5, -2, 2);

        public Network(string cell, string preset, bool isSpread = true)
        {
            layer = Networks.Make(cell, backend, Inputs, Hidden, RecurrentPresets.Named(preset));
            if (isSpread)
            {
                Networks.Spread(layer);
            }
            parameters = layer.NamedParameters.ToDictionary(named => named.Path["cell0.".Length..], named => named.Parameter.ToArray());
        }

        public double[] this[string name] => parameters[name];

        public double[] TimesX(double[] row) => Times(row, this["weightX"]);

        public double[] TimesH(double[] row) => Times(row, this["weightH"]);

        public double[] Run(RecurrentExecution execution)
        {
            using Tape<double> tape = new(backend);
            layer.Execution = execution;
            return layer.Forward(tape.Constant(x, new Shape(Steps, Cases, Inputs))).ToArray();
        }

        /// <summary>The hidden states that a step makes from each case's inputs, from a state of zeros on.</summary>
        public double[] OverSequence(Func<double[], double[], double[]> step, double[] zero)
        {
            double[] outputs = new double[Steps * Cases * Hidden];
            for (int n = 0; n < Cases; n++)
            {
                double[] state = zero;
                for (int t = 0; t < Steps; t++)
                {
                    int row = (t * Cases) + n;
                    state = step(x[(row * Inputs)..((row + 1) * Inputs)], state);
                    state.AsSpan(0, Hidden).CopyTo(outputs.AsSpan(row * Hidden));
                }
            }
            return outputs;
        }

        public void Dispose()
        {
            layer.Dispose();
            backend.Dispose();
        }

        private static double[] Times(double[] row, double[] weight)
        {
            int columns = weight.Length / row.Length;
            return [.. Enumerable.Range(0, columns).Select(c => row.Select((value, r) => value * weight[(r * columns) + c]).Sum())];
        }
    }
}
