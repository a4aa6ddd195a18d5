using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The gradient of a gain or bias that every row shares: a sum over rows. A row kernel writes one partial sum per chunk to
/// <see cref="Partials"/>, and <see cref="Finish"/> adds them in order, so that the result does not depend on threads. A single chunk
/// writes to the gradient itself.
/// </summary>
internal readonly struct RowSums<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly GradientSink<T> target;
    private readonly Scratch<T>? scratch;
    private readonly int chunks, columns;

    /// <summary>For a kernel that takes <paramref name="grain"/> of the rows at a time.</summary>
    public RowSums(Tensor<T> operand, int rows, int columns, int grain)
    {
        (chunks, this.columns) = ((rows + grain - 1) / grain, columns);
        target = operand.GradientSink();
        if (target.IsWanted)
        {
            scratch = chunks > 1 ? operand.Tape.Backend.Pool.RentScratch<T>(chunks * columns) : null;
            Partials = scratch is { } memory ? new(memory.Buffer, false) : target;
        }
    }

    /// <summary>[chunks, D]: chunk k writes, or adds, its sum to row k; not wanted if the gradient is not.</summary>
    public GradientSink<T> Partials { get; }

    /// <summary>Adds the partial sums to the gradient.</summary>
    public void Finish(IBackend<T> backend)
    {
        if (scratch is { } memory)
        {
            backend.Reduce(
                default(SumReduction<T>), new ReduceCall<T>(memory.Buffer, target.Buffer, 1, chunks, columns, T.One, target.Accumulate));
        }
    }

    public void Dispose() => scratch?.Dispose();
}
