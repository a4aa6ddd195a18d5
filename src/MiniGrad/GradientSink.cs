using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>
/// Where a vector-Jacobian product leaves its result. <c>default</c> means that nobody wants this gradient.
/// </summary>
/// <param name="Buffer">The gradient's memory; empty when the gradient is not wanted.</param>
/// <param name="Accumulate">Whether to add to what is there (a later writer) or to assign (the first writer of this pass).</param>
public readonly record struct GradientSink<T>(DeviceBuffer<T> Buffer, bool Accumulate)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Whether anybody reads this gradient; if not, skip the work.</summary>
    public bool IsWanted => Buffer.Length > 0;
}
