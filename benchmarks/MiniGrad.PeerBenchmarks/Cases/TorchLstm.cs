using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MiniGrad.PeerBenchmarks;

/// <summary>libtorch's training steps of a recurrent network.</summary>
internal sealed class TorchLstm : TorchTrainer
{
    private readonly TorchLstmNet net;
    private readonly optim.Optimizer optimizer;
    private readonly Tensor x, target;

    protected override optim.Optimizer Optimizer => optimizer;

    public TorchLstm(LstmSetup setup, TorchLstmNet net, double learningRate)
    {
        this.net = net;
        optimizer = optim.Adam(net.Parameters, learningRate);
        x = tensor(setup.X, [setup.Steps, setup.Batch, setup.InputSize]);
        target = tensor(setup.Target, [setup.Steps, setup.Batch, setup.Hidden]);
    }

    public override void Dispose()
    {
        optimizer.Dispose();
        net.Dispose();
        x.Dispose();
        target.Dispose();
    }

    protected override Tensor Loss() => functional.mse_loss(net.Forward(x), target);
}

/// <summary>A network of libtorch's: what it trains, and its outputs (T, N, H) from inputs (T, N, features).</summary>
internal abstract class TorchLstmNet : IDisposable
{
    public abstract IReadOnlyList<TorchSharp.Modules.Parameter> Parameters { get; }

    public abstract Tensor Forward(Tensor x);

    public abstract void Dispose();
}

/// <summary><c>nn.LSTM</c>, which trains through oneDNN.</summary>
internal sealed class TorchFusedLstm : TorchLstmNet
{
    // MiniGrad's gates are f, i, o, g; libtorch's i, f, g, o.
    private static readonly int[] GateOrder = [1, 0, 3, 2];

    private readonly TorchSharp.Modules.LSTM module;

    public TorchFusedLstm(LstmSetup setup)
    {
        module = LSTM(setup.InputSize, setup.Hidden, setup.Layers);
        IReadOnlyDictionary<string, float[]> initial = setup.InitialParameters();
        using IDisposable noGraph = no_grad();
        foreach ((string name, TorchSharp.Modules.Parameter parameter) in module.named_parameters())
        {
            string layer = name[^1..];
            // Of the two biases only the sum acts: the second stays 0 and is not trained, so that the sum moves as one bias would.
            float[]? values = name[..^3] switch
            {
                "weight_ih" => initial[$"cell{layer}.weightX"],
                "weight_hh" => initial[$"cell{layer}.weightH"],
                "bias_ih" => initial[$"cell{layer}.bias"],
                _ => null,
            };
            if (values is null)
            {
                parameter.zero_();
                continue;
            }
            using Tensor stored = tensor(Reorder(values, setup.Hidden), [values.Length / (4 * setup.Hidden), 4 * setup.Hidden]);
            using Tensor transposed = parameter.dim() == 2 ? stored.t() : stored.reshape(-1);
            parameter.copy_(transposed);
        }
        Parameters = [.. module.named_parameters().Where(named => !named.name.StartsWith("bias_hh", StringComparison.Ordinal))
            .Select(named => named.parameter)];
    }

    public override IReadOnlyList<TorchSharp.Modules.Parameter> Parameters { get; }

    public override Tensor Forward(Tensor x) => module.forward(x).Item1;

    public override void Dispose() => module.Dispose();

    private static float[] Reorder(float[] values, int hidden)
    {
        float[] reordered = new float[values.Length];
        for (int start = 0; start < values.Length; start += 4 * hidden)
        {
            for (int gate = 0; gate < 4; gate++)
            {
                values.AsSpan(start + (GateOrder[gate] * hidden), hidden).CopyTo(reordered.AsSpan(start + (gate * hidden)));
            }
        }
        return reordered;
    }
}

/// <summary>
/// The layer-norm paper's LSTM from libtorch's single operations: with the products and norms of all inputs done at once (hoisted), or
/// those of each step in their turn. Which is faster depends on the shape.
/// </summary>
internal sealed class TorchLayerNormLstm : TorchLstmNet
{
    private const double Epsilon = 1e-5;

    private static readonly string[] Names =
        ["weightX", "weightH", "bias", "normX.gain", "normX.bias", "normH.gain", "normH.bias", "normC.gain", "normC.bias"];

    private readonly LstmSetup setup;
    private readonly bool isHoisted;
    private readonly List<Layer> layers = [];

    public TorchLayerNormLstm(LstmSetup setup, bool isHoisted)
    {
        (this.setup, this.isHoisted) = (setup, isHoisted);
        IReadOnlyDictionary<string, float[]> initial = setup.InitialParameters();
        for (int layer = 0; layer < setup.Layers; layer++)
        {
            TorchSharp.Modules.Parameter[] p = [.. Names.Select(name =>
            {
                float[] values = initial[$"cell{layer}.{name}"];
                bool isMatrix = name.StartsWith("weight", StringComparison.Ordinal);
                return Parameter(tensor(values, isMatrix ? [values.Length / (4 * setup.Hidden), 4 * setup.Hidden] : [values.Length]));
            })];
            layers.Add(new Layer(p[0], p[1], p[2], new(p[3], p[4]), new(p[5], p[6]), new(p[7], p[8])));
            Parameters = [.. Parameters, .. p];
        }
    }

    public override IReadOnlyList<TorchSharp.Modules.Parameter> Parameters { get; } = [];

    public override Tensor Forward(Tensor x)
    {
        foreach (Layer layer in layers)
        {
            x = Forward(layer, x);
        }
        return x;
    }

    public override void Dispose()
    {
        foreach (TorchSharp.Modules.Parameter parameter in Parameters)
        {
            parameter.Dispose();
        }
    }

    private Tensor Forward(Layer layer, Tensor x)
    {
        Tensor h = zeros(setup.Batch, setup.Hidden), c = zeros(setup.Batch, setup.Hidden);
        Tensor[] inputs = isHoisted ? (layer.NormX.Apply(matmul(x, layer.WeightX)) + layer.Bias).unbind(0) : x.unbind(0);
        Tensor[] outputs = new Tensor[inputs.Length];
        for (int t = 0; t < outputs.Length; t++)
        {
            Tensor fromX = isHoisted ? inputs[t] : layer.NormX.Apply(mm(inputs[t], layer.WeightX)) + layer.Bias;
            Tensor[] gates = (layer.NormH.Apply(mm(h, layer.WeightH)) + fromX).chunk(4, 1); // f, i, o, g
            c = (gates[0].sigmoid() * c) + (gates[1].sigmoid() * gates[3].tanh());
            h = gates[2].sigmoid() * layer.NormC.Apply(c).tanh();
            outputs[t] = h;
        }
        return stack(outputs, 0);
    }

    private sealed record Layer(Tensor WeightX, Tensor WeightH, Tensor Bias, Norm NormX, Norm NormH, Norm NormC);

    private sealed record Norm(Tensor Gain, Tensor Bias)
    {
        public Tensor Apply(Tensor x) => functional.layer_norm(x, [x.shape[^1]], Gain, Bias, Epsilon);
    }
}
