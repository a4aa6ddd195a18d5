using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>h = f(norm(x W)): a linear layer, the normalization of its outputs (or of its weights), and a nonlinearity.</summary>
public sealed class HiddenLayer<T> : Layer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Linear<T> linear;
    private readonly Normalization<T>? norm;
    private readonly Activation activation;

    /// <summary>
    /// A layer of <paramref name="outputs"/> units. A bias is added once: by the normalization if there is one, else by the linear layer.
    /// </summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="inputs">The numbers per row of x.</param>
    /// <param name="outputs">The units.</param>
    /// <param name="random">Draws the weights.</param>
    /// <param name="scheme">How the summed inputs are normalized.</param>
    /// <param name="activation">The nonlinearity f.</param>
    public HiddenLayer(IBackend<T> backend, int inputs, int outputs, Philox random, NormalizationScheme scheme, Activation activation)
    {
        bool normalizes = Normalization<T>.AppliesTo(scheme);
        linear = Add(
            "linear",
            new Linear<T>(
                backend, inputs, outputs, random, activation, hasBias: !normalizes, hasWeightNorm: scheme == NormalizationScheme.Weight));
        norm = normalizes ? Add("norm", new Normalization<T>(backend, scheme, outputs)) : null;
        this.activation = activation;
    }

    /// <inheritdoc/>
    public override Tensor<T> Forward(Tensor<T> x, Phase phase = Phase.Training)
    {
        Tensor<T> a = linear.Forward(x, phase);
        return (norm is null ? a : norm.Forward(a, phase)).Activate(activation);
    }
}
