using System.Numerics;

namespace MiniGrad.Ops;

/// <summary>What a cell did at one step, to be looked at. The tensors are those that the computation used.</summary>
/// <param name="Hidden">h after the step, (N, H).</param>
/// <param name="Cell">An LSTM's c after the step, as it is carried, (N, H); null in other cells.</param>
/// <param name="Gates">The logistic gates, (N, H) each: f, i, o of an LSTM; z, r of a GRU; none of a simple network.</param>
public readonly record struct RecurrentStep<T>(Tensor<T> Hidden, Tensor<T>? Cell, IReadOnlyList<Tensor<T>> Gates)
    where T : unmanaged, IFloatingPointIeee754<T>;
