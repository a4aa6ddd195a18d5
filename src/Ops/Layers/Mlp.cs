using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// A multilayer perceptron: hidden layers <c>hidden0</c>, <c>hidden1</c>, ... and a linear <c>output</c>. The outputs are not normalized,
/// since the
/// scale of logits carries confidence.
/// </summary>
public sealed class Mlp<T> : Layer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly HiddenLayer<T>[] hidden;
    private readonly Linear<T> output;

    /// <summary>A perceptron with random weights.</summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="inputs">The numbers per case.</param>
    /// <param name="hiddenSizes">The units of each hidden layer, first to last.</param>
    /// <param name="outputs">The numbers per case that the perceptron makes, such as one logit per class.</param>
    /// <param name="random">Draws the weights, layer after layer; the same for every scheme.</param>
    /// <param name="scheme">How the hidden layers are normalized.</param>
    /// <param name="activation">The nonlinearity of the hidden layers.</param>
    public Mlp(
        IBackend<T> backend, int inputs, IReadOnlyList<int> hiddenSizes, int outputs, Philox random,
        NormalizationScheme scheme = NormalizationScheme.None, Activation activation = Activation.Relu)
    {
        hidden = new HiddenLayer<T>[hiddenSizes.Count];
        int size = inputs;
        for (int i = 0; i < hidden.Length; i++)
        {
            hidden[i] = Add($"hidden{i}", new HiddenLayer<T>(backend, size, hiddenSizes[i], random, scheme, activation));
            size = hiddenSizes[i];
        }
        output = Add("output", new Linear<T>(backend, size, outputs, random));
    }

    /// <inheritdoc/>
    public override Tensor<T> Forward(Tensor<T> x, Phase phase = Phase.Training)
    {
        foreach (HiddenLayer<T> layer in hidden)
        {
            x = layer.Forward(x, phase);
        }
        return output.Forward(x, phase);
    }
}
