using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// Recurrent cells stacked, <c>cell0</c>, <c>cell1</c>, ..., each of which reads the hidden states of the one before, and perhaps a linear
/// <c>projection</c> of the last one's: what <see cref="Lstm{T}"/>, <see cref="Gru{T}"/> and <see cref="Rnn{T}"/> share.
/// </summary>
public abstract class RecurrentLayer<T> : Layer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly RecurrentCell<T>[] cells;
    private readonly Linear<T>? projection;
    private readonly RecurrentState<T>[] ownStates;
    private readonly string name;
    private Tape<T>? segmentTape;

    private protected RecurrentLayer(
        IBackend<T> backend, int inputs, int hidden, Philox random, int layers, int outputs, Func<int, RecurrentCell<T>> makeCell)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(hidden, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(outputs);
        name = GetType().Name.Split('`')[0];
        cells = new RecurrentCell<T>[layers];
        ownStates = new RecurrentState<T>[layers];
        for (int i = 0; i < layers; i++)
        {
            cells[i] = Add($"cell{i}", makeCell(i == 0 ? inputs : hidden));
        }
        projection = outputs > 0 ? Add("projection", new Linear<T>(backend, hidden, outputs, random)) : null;
        Noise = new Philox(random.NextUInt32());
    }

    /// <summary>The stacked cells, first to last.</summary>
    public IReadOnlyList<RecurrentCell<T>> Cells => cells;

    /// <summary>H, the numbers per case of each hidden state.</summary>
    public int Hidden => cells[0].Hidden;

    /// <summary>The variant of the cells.</summary>
    public RecurrentOptions Options => cells[0].Options;

    /// <summary>How the cells run.</summary>
    public RecurrentExecution Execution { get; set; }

    /// <summary>
    /// If above 0, sequences that are longer run in segments of so many steps, of which backward keeps nothing but the states between
    /// them and computes the rest again: a fraction of the memory, for the time of one more forward pass. Default: 0.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// Batch norm shares the input's statistics over all steps (<see cref="RecurrentOptions.SharesInputStatistics"/>), so that it needs
    /// them all.
    /// </exception>
    public int SegmentLength
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            if (value > 0 && Options is { Normalization: RecurrentNormalization.Batch, SharesInputStatistics: true })
            {
                throw new ArgumentException(
                    $"{name}: statistics that all steps share need the whole sequence at once; keep SegmentLength at 0.");
            }
            field = value;
        }
    }

    /// <summary>Where dropout and zoneout are drawn from.</summary>
    public Philox Noise { get; }

    /// <summary>
    /// Runs over a sequence (T, N, inputs) from the initial state; gives (T, N, H), or (T, N, outputs) with a projection.
    /// </summary>
    /// <inheritdoc/>
    public override Tensor<T> Forward(Tensor<T> x, Phase phase = Phase.Training)
    {
        Array.Clear(ownStates);
        return Forward(x, ownStates, null, phase);
    }

    /// <summary>Runs over a sequence, from given states to the final ones.</summary>
    /// <param name="x">(T, N, inputs).</param>
    /// <param name="states">
    /// One for each cell: the state before the first step (<c>default</c>: zeros, or what is learned), and afterwards that behind the last.
    /// </param>
    /// <param name="padding">
    /// (T, N, 1): 1 for the steps of a case, 0 for padding behind them (<see cref="RecurrentPadding"/>). Padded steps hand on the state,
    /// which is thus final, and leave statistics alone.
    /// </param>
    /// <param name="phase">Training or evaluation.</param>
    /// <returns>(T, N, H), the last cell's hidden states, or (T, N, outputs) with a projection.</returns>
    /// <exception cref="ArgumentException">A shape does not fit, or the states are not as many as the cells.</exception>
    public Tensor<T> Forward(Tensor<T> x, Span<RecurrentState<T>> states, Tensor<T>? padding = null, Phase phase = Phase.Training)
    {
        return Run(x, states, padding, phase, null);
    }

    /// <summary>Runs over a sequence step by step in plain ops, and keeps what happened at each step.</summary>
    /// <param name="x">(T, N, inputs).</param>
    /// <param name="states">As of <see cref="Forward(Tensor{T}, Span{RecurrentState{T}}, Tensor{T}?, Phase)"/>.</param>
    /// <param name="trace">
    /// Gets the steps of each cell, first cell first. After a backward pass their tensors have gradients: those of the hidden states are
    /// the whole derivative, through the output of the step and through all later steps.
    /// </param>
    /// <param name="phase">Training or evaluation.</param>
    /// <returns>What Forward gives, up to rounding.</returns>
    public Tensor<T> Trace(
        Tensor<T> x, Span<RecurrentState<T>> states, ICollection<RecurrentStep<T>> trace, Phase phase = Phase.Training)
    {
        ArgumentNullException.ThrowIfNull(trace);
        return Run(x, states, null, phase, trace);
    }

    private Tensor<T> Run(
        Tensor<T> x, Span<RecurrentState<T>> states, Tensor<T>? padding, Phase phase, ICollection<RecurrentStep<T>>? trace)
    {
        Check(x, states, padding);
        int steps = x.Shape[0], cases = x.Shape[1];
        Tensor<T> sequence = x;
        for (int i = 0; i < cells.Length; i++)
        {
            SequenceNoise<T> noise = SequenceNoise<T>.Draw(
                x.Tape, Options, steps, cases, cells[i].Inputs, Hidden, padding, Noise, phase);
            sequence = SegmentLength > 0 && steps > SegmentLength && trace is null
                ? SegmentedNode<T>.Apply(cells[i], SegmentTape(x.Tape), sequence, ref states[i], noise, SegmentLength, phase)
                : cells[i].Forward(sequence, ref states[i], noise, Execution, phase, trace);
        }
        return projection is null ? sequence : projection.Forward(sequence, phase);
    }

    // One serves all cells: the segments of one are done before those of another begin.
    private Tape<T> SegmentTape(Tape<T> outer) =>
        segmentTape?.Backend == outer.Backend ? segmentTape : segmentTape = new Tape<T>(outer.Backend);

    private void Check(Tensor<T> x, ReadOnlySpan<RecurrentState<T>> states, Tensor<T>? padding)
    {
        Operands.TapeOf(name, x);
        if (x.Shape.Rank != 3 || x.Shape[2] != cells[0].Inputs)
        {
            throw new ArgumentException(
                $"{name}: x has shape {x.Shape}, but must be (steps, cases, {cells[0].Inputs}).");
        }
        if (states.Length != cells.Length)
        {
            throw new ArgumentException($"{name}: {states.Length} states were given for {cells.Length} cells; pass one for each.");
        }
        Shape state = new(x.Shape[1], Hidden);
        foreach (RecurrentState<T> given in states)
        {
            RequireShape("a hidden state", given.Hidden, state);
            RequireShape("a cell state", given.Cell, state);
        }
        RequireShape("padding", padding, new Shape(x.Shape[0], x.Shape[1], 1));
    }

    private void RequireShape(string operand, Tensor<T>? tensor, Shape shape)
    {
        if (tensor is { } given)
        {
            Operands.RequireShape(name, operand, given, shape);
        }
    }
}

/// <summary>Padding of sequences of different lengths.</summary>
public static class RecurrentPadding
{
    /// <summary>(T, N, 1), 1 where step t is within the length of case n, else 0.</summary>
    /// <param name="tape">Where the constant goes.</param>
    /// <param name="lengths">The steps of each case.</param>
    /// <param name="steps">T.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length is not from 0 to T.</exception>
    public static Tensor<T> FromLengths<T>(Tape<T> tape, ReadOnlySpan<int> lengths, int steps)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(tape);
        T[] mask = new T[steps * lengths.Length];
        for (int n = 0; n < lengths.Length; n++)
        {
            if ((uint)lengths[n] > (uint)steps)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(lengths), lengths[n], $"The length of case {n} must be from 0 to {steps}, the steps of the batch.");
            }
            for (int t = 0; t < lengths[n]; t++)
            {
                mask[(t * lengths.Length) + n] = T.One;
            }
        }
        return tape.Constant(mask, new Shape(steps, lengths.Length, 1));
    }
}
