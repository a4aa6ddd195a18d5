using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The gradients of gains and biases, which every row of every step adds to: a partial sum for each chunk of cases, kept over the steps and
/// added in order at the end, so that the result does not depend on threads.
/// </summary>
internal readonly struct RowPartials<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Scratch<T> scratch;
    private readonly SequenceGradients<T> parts;

    public RowPartials(BufferPool pool, in SequenceBuffers<T> s)
    {
        int chunks = s.Chunks, gain = chunks * s.Gain.Length, shift = chunks * s.Shift.Length, cell = chunks * s.CellGain.Length;
        scratch = pool.RentScratch<T>(gain + shift + (2 * cell));
        parts = default(SequenceGradients<T>) with
        {
            Gain = scratch.Buffer.Slice(0, gain),
            Shift = scratch.Buffer.Slice(gain, shift),
            CellGain = scratch.Buffer.Slice(gain + shift, cell),
            CellBias = scratch.Buffer.Slice(gain + shift + cell, cell),
        };
    }

    /// <summary>All partial sums.</summary>
    public DeviceBuffer<T> Buffer => scratch.Buffer;

    /// <summary>Tells the kernels where the sums are.</summary>
    public SequenceGradients<T> AddTo(in SequenceGradients<T> d) =>
        d with { Gain = parts.Gain, Shift = parts.Shift, CellGain = parts.CellGain, CellBias = parts.CellBias };

    /// <summary>Adds the partial sums to the gradients.</summary>
    public void Finish(IBackend<T> backend, in SequenceOperands<T> operands, in SequenceBuffers<T> s)
    {
        Finish(backend, operands.Gain, parts.Gain, s.Chunks);
        Finish(backend, operands.Shift, parts.Shift, s.Chunks);
        Finish(backend, operands.CellGain, parts.CellGain, s.Chunks);
        Finish(backend, operands.CellBias, parts.CellBias, s.Chunks);
    }

    public void Dispose() => scratch.Dispose();

    private static void Finish(IBackend<T> backend, Tensor<T>? operand, DeviceBuffer<T> partials, int chunks)
    {
        GradientSink<T> sink = operand is { } tensor ? tensor.GradientSink() : default;
        if (sink.IsWanted)
        {
            backend.Reduce(
                default(SumReduction<T>), new ReduceCall<T>(partials, sink.Buffer, 1, chunks, sink.Buffer.Length, T.One, sink.Accumulate));
        }
    }
}
