using System.Numerics;

namespace MiniGrad.Ops;

/// <summary>
/// The state of a recurrent cell between two steps, of N cases. <c>default</c> stands for the initial state: zeros, or what is learned.
/// </summary>
/// <remarks>
/// The tensors are on one tape, and gradients flow through them. To go on after <see cref="Tape{T}.Reset"/>, without gradients, keep the
/// values in a <see cref="CarriedState{T}"/>.
/// </remarks>
/// <param name="Hidden">h, (N, H).</param>
/// <param name="Cell">An LSTM's c, (N, H); null in other cells.</param>
public readonly record struct RecurrentState<T>(Tensor<T>? Hidden, Tensor<T>? Cell = null)
    where T : unmanaged, IFloatingPointIeee754<T>;
