using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>y = x W (+ b) for every row x. With weight norm, W is g v / ||v|| per unit, and v and g are what is trained.</summary>
public sealed class Linear<T> : Layer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Parameter<T> weight;
    private readonly Parameter<T>? gain, bias;

    /// <summary>
    /// A layer with random weights: He's for activations that drop negative inputs, else Xavier's; bias 0; lengths g such that w = v.
    /// </summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="inputs">The numbers per row of x.</param>
    /// <param name="outputs">The units: the numbers per row of y.</param>
    /// <param name="random">Draws the weights.</param>
    /// <param name="activation">What follows the layer; it decides the spread of the weights.</param>
    /// <param name="hasBias">Whether to add b; leave it out before a normalization, which has its own.</param>
    /// <param name="hasWeightNorm">Whether to train direction and length of each unit's weights apart.</param>
    public Linear(
        IBackend<T> backend, int inputs, int outputs, Philox random, Activation activation = Activation.Identity, bool hasBias = true,
        bool hasWeightNorm = false)
    {
        weight = Add(new Parameter<T>(backend, "weight", new Shape(inputs, outputs)));
        bool isHalved = activation is not (Activation.Identity or Activation.Tanh or Activation.Sigmoid);
        _ = isHalved ? weight.FillHeNormal(random) : weight.FillXavierNormal(random);
        if (hasWeightNorm)
        {
            gain = Add(new Parameter<T>(backend, "gain", new Shape(outputs)));
            gain.Set(ColumnLengths(weight.ToArray(), outputs));
        }
        bias = hasBias ? Add(new Parameter<T>(backend, "bias", new Shape(outputs))) : null;
    }

    /// <inheritdoc/>
    public override Tensor<T> Forward(Tensor<T> x, Phase phase = Phase.Training)
    {
        Tape<T> tape = x.Tape;
        Tensor<T> w = tape.Watch(weight);
        if (gain is null)
        {
            return bias is null ? x.Affine(w) : x.Affine(w, tape.Watch(bias));
        }
        return bias is null ? x.WeightNormAffine(w, tape.Watch(gain)) : x.WeightNormAffine(w, tape.Watch(gain), tape.Watch(bias));
    }

    private static T[] ColumnLengths(T[] matrix, int columns)
    {
        T[] lengths = new T[columns];
        for (int i = 0; i < matrix.Length; i++)
        {
            lengths[i % columns] += matrix[i] * matrix[i];
        }
        return [.. lengths.Select(T.Sqrt)];
    }
}
