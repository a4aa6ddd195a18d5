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
        int perChunk = s.Gain.Length + s.GainX.Length + s.Shift.Length + s.OwnShift.Length + (2 * s.CellGain.Length), used = 0;
        scratch = pool.RentScratch<T>(s.Chunks * perChunk);
        parts = default(SequenceGradients<T>) with
        {
            Gain = Next(s.Chunks * s.Gain.Length, ref used),
            GainX = Next(s.Chunks * s.GainX.Length, ref used),
            Shift = Next(s.Chunks * s.Shift.Length, ref used),
            OwnShift = Next(s.Chunks * s.OwnShift.Length, ref used),
            CellGain = Next(s.Chunks * s.CellGain.Length, ref used),
            CellBias = Next(s.Chunks * s.CellGain.Length, ref used),
        };
    }

    /// <summary>All partial sums.</summary>
    public DeviceBuffer<T> Buffer => scratch.Buffer;

    /// <summary>Tells the kernels where the sums are.</summary>
    public SequenceGradients<T> AddTo(in SequenceGradients<T> d) => d with
    {
        Gain = parts.Gain,
        GainX = parts.GainX,
        Shift = parts.Shift,
        OwnShift = parts.OwnShift,
        CellGain = parts.CellGain,
        CellBias = parts.CellBias,
    };

    /// <summary>Adds the partial sums to the gradients.</summary>
    public void Finish(IBackend<T> backend, in SequenceOperands<T> operands, in SequenceBuffers<T> s)
    {
        Finish(backend, operands.Gain, parts.Gain, s.Chunks);
        Finish(backend, operands.GainX, parts.GainX, s.Chunks);
        Finish(backend, operands.Shift, parts.Shift, s.Chunks);
        Finish(backend, operands.OwnShift, parts.OwnShift, s.Chunks);
        Finish(backend, operands.CellGain, parts.CellGain, s.Chunks);
        Finish(backend, operands.CellBias, parts.CellBias, s.Chunks);
    }

    public void Dispose() => scratch.Dispose();

    private DeviceBuffer<T> Next(int length, ref int used)
    {
        used += length;
        return scratch.Buffer.Slice(used - length, length);
    }

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
