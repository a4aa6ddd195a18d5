using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// A cell over a long sequence in segments, of which only the states between them are kept (gradient checkpointing, Chen et al. 2016).
/// Backward runs each segment forward again, on a tape of its own, and then back:
/// <code>
/// (dx, dh_in, dc_in, parameters) of a segment = gradients of  sum(outputs doutputs) + sum(h_out dh_out) + sum(c_out dc_out)
/// </code>
/// where dh_out and dc_out are what the segment behind it found for its own beginning. Memory is that of one segment and the outputs, time
/// that of one more forward pass. Masks are drawn for the whole sequence before, and statistics move in the first run only.
/// </summary>
internal sealed class SegmentedNode<T> : SequenceNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private RecurrentCell<T>? cell;
    private Tape<T>? inner;
    private Tensor<T> x;
    private RecurrentState<T> start;
    private SequenceNoise<T> noise;
    private DeviceBuffer<T> hidden, cells;
    private Phase phase;
    private int length;

    public override string Op => "Segments";

    /// <summary>Runs a cell over segments of <paramref name="length"/> steps.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="inner">A tape for the segments, used by nobody else meanwhile.</param>
    /// <param name="x">(T, N, inputs).</param>
    /// <param name="state">The initial state, and then the final one.</param>
    /// <param name="noise">Masks of the whole sequence.</param>
    /// <param name="length">The steps of a segment.</param>
    /// <param name="phase">Training or evaluation.</param>
    public static Tensor<T> Apply(
        RecurrentCell<T> cell, Tape<T> inner, Tensor<T> x, ref RecurrentState<T> state, in SequenceNoise<T> noise, int length, Phase phase)
    {
        Tape<T> tape = x.Tape;
        int steps = x.Shape[0], cases = x.Shape[1], block = cases * cell.Hidden, segments = (steps + length - 1) / length;
        Tensor<T> outputs = tape.NewResult(new Shape(steps, cases, cell.Hidden), needsGradient: true);
        SegmentedNode<T> node = outputs.NeedsGradient ? Record(tape, outputs, x, state) : new SegmentedNode<T>();
        (node.cell, node.inner, node.x, node.start, node.noise, node.phase, node.length) = (cell, inner, x, state, noise, phase, length);
        node.hidden = tape.Rent<T>(segments * block);
        node.cells = cell.HasCell ? tape.Rent<T>(segments * block) : default;
        for (int k = 0; k < segments; k++)
        {
            node.RunSegment(tape.Backend, outputs, k);
        }
        inner.Reset();
        node.FinalCellGradient = default;
        SequenceNode<T>? recorded = outputs.NeedsGradient ? node : null;
        DeviceBuffer<T> last = cell.HasCell ? node.cells.Slice((segments - 1) * block, block) : default;
        state = new(
            outputs.Slice(0, steps - 1, 1).Reshape(cases, cell.Hidden),
            cell.HasCell ? FinalCellNode<T>.Apply(last, outputs, recorded, cases) : null);
        return outputs;
    }

    public override void Backward(IBackend<T> backend)
    {
        int cases = x.Shape[1], block = cases * cell!.Hidden, width = cases * cell.Inputs;
        GradientSink<T> dx = x.GradientSink();
        using Scratch<T> scratch = backend.Pool.RentScratch<T>(2 * block);
        DeviceBuffer<T> dh = scratch.Buffer.Slice(0, block), dc = scratch.Buffer.Slice(block, block);
        backend.Fill(scratch.Buffer, T.Zero);
        if (FinalCellGradient.Length > 0)
        {
            Copy(backend, FinalCellGradient, dc, false);
            FinalCellGradient = default;
        }
        for (int k = (x.Shape[0] - 1) / length; k >= 0; k--)
        {
            Segment segment = Forward(k, isAgain: true);
            Tensor<T> loss = Weighted(segment.Outputs, Output.Gradient.Slice(segment.First * block, segment.Steps * block));
            loss += Weighted(segment.Final.Hidden!.Value, dh);
            if (segment.Final.Cell is { } final)
            {
                loss += Weighted(final, dc);
            }
            inner!.Backward(loss);
            if (dx.IsWanted)
            {
                Copy(backend, segment.X.Gradient, dx.Buffer.Slice(segment.First * width, segment.Steps * width), dx.Accumulate);
            }
            TakeStart(backend, segment.Start, k, dh, dc);
        }
        inner!.Reset();
    }

    private static SegmentedNode<T> Record(
        Tape<T> tape, Tensor<T> outputs, Tensor<T> x, RecurrentState<T> state) => (state.Hidden, state.Cell) switch
        {
            ({ } h, { } c) => tape.Record<SegmentedNode<T>>(outputs, x, h, c),
            ({ } h, null) => tape.Record<SegmentedNode<T>>(outputs, x, h),
            (null, { } c) => tape.Record<SegmentedNode<T>>(outputs, x, c),
            _ => tape.Record<SegmentedNode<T>>(outputs, x),
        };

    /// <summary>Runs a segment for its values, which it copies to the outputs and to the states behind it.</summary>
    private void RunSegment(IBackend<T> backend, Tensor<T> outputs, int k)
    {
        int block = x.Shape[1] * cell!.Hidden;
        using Tape<T>.PausedRecording paused = inner!.Pause();
        Segment segment = Forward(k, isAgain: false);
        Copy(backend, segment.Outputs.Value, outputs.Value.Slice(segment.First * block, segment.Steps * block), false);
        Copy(backend, segment.Final.Hidden!.Value.Value, hidden.Slice(k * block, block), false);
        if (segment.Final.Cell is { } final)
        {
            Copy(backend, final.Value, cells.Slice(k * block, block), false);
        }
    }

    private Segment Forward(int k, bool isAgain)
    {
        inner!.Reset();
        int first = k * length, steps = Math.Min(length, x.Shape[0] - first), cases = x.Shape[1], block = cases * cell!.Hidden;
        Shape state = new(cases, cell.Hidden);
        Tensor<T> input = Part(x, first, steps, x.NeedsGradient)!.Value;
        RecurrentState<T> entering = k == 0
            ? new(Moved(start.Hidden), Moved(start.Cell))
            : new(
                inner.NewView(hidden.Slice((k - 1) * block, block), state, true),
                cell.HasCell ? inner.NewView(cells.Slice((k - 1) * block, block), state, true) : null);
        RecurrentState<T> final = entering;
        SequenceNoise<T> masks = new(
            Part(noise.Padding, first, steps), Part(noise.HiddenShare, first, steps), Part(noise.CellShare, first, steps),
            Part(noise.Candidate, first, steps), Moved(noise.HiddenInput), Moved(noise.Input));
        cell.PlaceStatistics(first, isAgain);
        Tensor<T> outputs = cell.Forward(input, ref final, masks, RecurrentExecution.Fused, phase);
        cell.PlaceStatistics(0, false);
        return new Segment(first, steps, input, entering, outputs, final);
    }

    /// <summary>What a segment's beginning gets: the end of the one before it, or the initial state.</summary>
    private void TakeStart(IBackend<T> backend, RecurrentState<T> entered, int k, DeviceBuffer<T> dh, DeviceBuffer<T> dc)
    {
        if (k > 0)
        {
            Copy(backend, entered.Hidden!.Value.Gradient, dh, false);
            if (entered.Cell is { } c)
            {
                Copy(backend, c.Gradient, dc, false);
            }
            return;
        }
        Add(backend, entered.Hidden, start.Hidden);
        Add(backend, entered.Cell, start.Cell);
    }

    private static void Add(IBackend<T> backend, Tensor<T>? from, Tensor<T>? to)
    {
        GradientSink<T> sink = to is { } tensor ? tensor.GradientSink() : default;
        if (sink.IsWanted)
        {
            Copy(backend, from!.Value.Gradient, sink.Buffer, sink.Accumulate);
        }
    }

    /// <summary>Some steps of a tensor of the whole sequence, on the inner tape.</summary>
    private Tensor<T>? Part(Tensor<T>? whole, int first, int steps, bool needsGradient = false)
    {
        if (whole is not { } tensor)
        {
            return null;
        }
        int step = tensor.Shape.ElementCount / tensor.Shape[0];
        return inner!.NewView(tensor.Value.Slice(first * step, steps * step), tensor.Shape.With(0, steps), needsGradient);
    }

    private Tensor<T>? Moved(Tensor<T>? outer) =>
        outer is { } tensor ? inner!.NewView(tensor.Value, tensor.Shape, tensor.NeedsGradient) : null;

    private Tensor<T> Weighted(Tensor<T> y, DeviceBuffer<T> cotangent) => (y * inner!.NewView(cotangent, y.Shape, false)).Sum();

    private static void Copy(IBackend<T> backend, DeviceBuffer<T> from, DeviceBuffer<T> to, bool accumulate)
    {
        Shape shape = new(from.Length);
        Strides strides = Strides.RowMajor(shape);
        backend.Copy(new CopyCall<T>(from, strides, to, strides, shape, T.One, accumulate));
    }

    private readonly record struct Segment(
        int First, int Steps, Tensor<T> X, RecurrentState<T> Start, Tensor<T> Outputs, RecurrentState<T> Final);
}
