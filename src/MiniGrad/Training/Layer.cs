using System.Numerics;

namespace MiniGrad.Training;

/// <summary>A module that is a function of one tensor.</summary>
public abstract class Layer<T> : Module<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Applies the layer, recording on the tape of <paramref name="x"/>.</summary>
    public abstract Tensor<T> Forward(Tensor<T> x, Phase phase = Phase.Training);
}
