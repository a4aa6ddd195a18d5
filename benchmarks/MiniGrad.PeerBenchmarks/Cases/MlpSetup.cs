using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.PeerBenchmarks;

/// <summary>What is trained, with the same weights and the same batch for all.</summary>
/// <param name="Batch">Cases per step.</param>
/// <param name="UsesAdam">Adam, or else SGD with momentum 0.9.</param>
/// <param name="Scheme">How hidden layers are normalized.</param>
internal sealed record MlpSetup(int Batch, bool UsesAdam, NormalizationScheme Scheme)
{
    public const int InputSize = 784, HiddenSize = 1000, OutputSize = 10;
    public const double Momentum = 0.9;

    public string Name => $"mlp/b{Batch}/{(UsesAdam ? "adam" : "sgd")}/{Scheme.ToString().ToLowerInvariant()}";

    /// <summary>What libtorch is given to do.</summary>
    public NormalizationScheme TorchScheme =>
        Scheme is NormalizationScheme.Weight or NormalizationScheme.Rms ? NormalizationScheme.Layer : Scheme;

    /// <summary>Elements of the three weight matrices.</summary>
    public const int WeightCount = (InputSize * HiddenSize) + (HiddenSize * HiddenSize) + (HiddenSize * OutputSize);

    /// <summary>Operations of all products: forward, dW, and dx of all layers but the first.</summary>
    public double Flops => 2.0 * Batch * ((3 * WeightCount) - (InputSize * HiddenSize));

    public float[] X => Inputs.Uniform(1, Batch * InputSize, 0, 1);

    public int[] Labels => Inputs.Labels(2, Batch, OutputSize);

    /// <summary>The first values of all parameters, in the order of <see cref="Module{T}.NamedParameters"/>.</summary>
    public IReadOnlyList<(string Path, float[] Values)> InitialParameters()
    {
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        using Mlp<float> model = Model(backend);
        return [.. model.NamedParameters.Select(named => (named.Path, named.Parameter.ToArray()))];
    }

    public Mlp<T> Model<T>(IBackend<T> backend)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        new(backend, InputSize, [HiddenSize, HiddenSize], OutputSize, new Philox(3), Scheme);

    public Trainer<T> Trainer<T>(IBackend<T> backend, double learningRate)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Mlp<T> model = Model(backend);
        foreach ((Parameter<T> parameter, (_, float[] values)) in model.Parameters.Zip(InitialParameters()))
        {
            parameter.Set([.. values.Select(T.CreateChecked)]);
        }
        Optimizer<T> optimizer = UsesAdam
            ? new Adam<T>(model.Parameters, learningRate) : new Sgd<T>(model.Parameters, learningRate, Momentum);
        optimizer.FusesProducts = true;
        T[] x = [.. X.Select(T.CreateChecked)];
        int[] labels = Labels;
        Shape shape = new(Batch, InputSize);
        return new(backend, model, optimizer, tape => model.Forward(tape.Constant(x, shape)).SoftmaxCrossEntropy(labels));
    }
}
