using MiniGrad.Ops;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MiniGrad.PeerBenchmarks;

/// <summary>libtorch's training steps, by TorchSharp's modules and optimizers.</summary>
internal sealed class TorchMlp : TorchTrainer
{
    private readonly TorchSharp.Modules.Sequential net;
    private readonly optim.Optimizer optimizer;
    private readonly Tensor x, labels;

    protected override optim.Optimizer Optimizer => optimizer;

    public TorchMlp(MlpSetup setup, double learningRate)
    {
        // Weights are stored [in, out] in MiniGrad and [out, in] in libtorch; gains start at 1 and biases at 0 in both.
        float[][] weights = [.. setup.InitialParameters().Where(named => named.Path.EndsWith("weight", StringComparison.Ordinal))
            .Select(named => named.Values)];
        bool hasBias = setup.Scheme == NormalizationScheme.None;
        nn.Module<Tensor, Tensor>[] layers =
        [
            NewLinear(weights[0], MlpSetup.HiddenSize, hasBias), .. NewNonlinearity(setup.Scheme),
            NewLinear(weights[1], MlpSetup.HiddenSize, hasBias), .. NewNonlinearity(setup.Scheme),
            NewLinear(weights[2], MlpSetup.OutputSize, hasBias: true),
        ];
        net = Sequential(layers);
        optimizer = setup.UsesAdam
            ? optim.Adam(net.parameters(), learningRate) : optim.SGD(net.parameters(), learningRate, MlpSetup.Momentum);
        x = tensor(setup.X, [setup.Batch, MlpSetup.InputSize]);
        labels = tensor([.. setup.Labels.Select(label => (long)label)]);
    }

    public override void Dispose()
    {
        optimizer.Dispose();
        net.Dispose();
        x.Dispose();
        labels.Dispose();
    }

    private static nn.Module<Tensor, Tensor>[] NewNonlinearity(NormalizationScheme scheme) => scheme switch
    {
        NormalizationScheme.Batch => [BatchNorm1d(MlpSetup.HiddenSize), ReLU()],
        NormalizationScheme.Layer => [LayerNorm(MlpSetup.HiddenSize), ReLU()],
        _ => [ReLU()],
    };

    private static TorchSharp.Modules.Linear NewLinear(float[] weights, int outputs, bool hasBias)
    {
        int inputs = weights.Length / outputs;
        TorchSharp.Modules.Linear linear = Linear(inputs, outputs, hasBias);
        using IDisposable noGraph = no_grad();
        using Tensor stored = tensor(weights, [inputs, outputs]);
        using Tensor transposed = stored.t();
        linear.weight!.copy_(transposed);
        linear.bias?.zero_();
        return linear;
    }

    protected override Tensor Loss() => functional.cross_entropy(net.forward(x), labels);
}
