using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>
/// The gradient X^T dY of a matrix of weights, not yet multiplied out: a sum of one outer product for each row of a batch.
/// </summary>
/// <param name="X">Rows x I: what the weights were multiplied by.</param>
/// <param name="Dy">Rows x O: the gradient of the product.</param>
/// <param name="Rows">How many rows there are; 0 for no product at all.</param>
public readonly record struct OuterProducts<T>(DeviceBuffer<T> X, DeviceBuffer<T> Dy, int Rows)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>
    /// What the gradient has less: each column of the weights as they are now, times one number per column. Empty for nothing.
    /// </summary>
    public DeviceBuffer<T> Shares { get; init; }

    /// <summary>I, the rows of the gradient.</summary>
    public int Inputs => X.Length / Rows;

    /// <summary>O, the columns of the gradient.</summary>
    public int Outputs => Dy.Length / Rows;

    /// <summary>The product that writes, or adds to, <paramref name="gradient"/>; without the shares.</summary>
    public GemmCall<T> Into(GradientSink<T> gradient) =>
        new(Inputs, Outputs, Rows) { A = X, B = Dy, C = gradient.Buffer, TransposeA = true, Accumulate = gradient.Accumulate };
}
