using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// One recurrent cell: its parameters, and how it runs over a sequence. The equations of a step, from plain ops, are in the cells:
/// <see cref="LstmCell{T}"/>, <see cref="GruCell{T}"/>, <see cref="RnnCell{T}"/>.
/// </summary>
/// <remarks>
/// Sequences are (T, N, features), so that a step is a block of rows and the product of the inputs of all steps with W_x is one. Parameters
/// are <c>weightX</c> (inputs, gates H), <c>weightH</c> (H, gates H), perhaps <c>bias</c> (gates H); <c>normX</c>, <c>normH</c> and, in an
/// LSTM, <c>normC</c> with gains, biases and statistics; under weight norm <c>lengthX</c> and <c>lengthH</c>; and learned initial states.
/// </remarks>
public abstract partial class RecurrentCell<T> : Module<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Parameter<T> weightX, weightH;
    private readonly Parameter<T>? lengthX, lengthH, hidden0;
    private Tensor<T>[] outputs = []; // Of the steps of a sequence; kept for the next.

    private protected RecurrentCell(
        IBackend<T> backend, int inputs, int hidden, GateGroups groups, GateSplit split, bool addsBiasToSum, Philox random,
        RecurrentOptions options)
    {
        options.Validate();
        (Inputs, Hidden, Options, Groups) = (inputs, hidden, options, groups);
        weightX = Add(new Parameter<T>(backend, "weightX", new Shape(inputs, groups.Features)));
        weightH = Add(new Parameter<T>(backend, "weightH", new Shape(hidden, groups.Features)));
        GateWeights.Fill(weightX, hidden, block => block.FillXavierNormal(random));
        GateWeights.Fill(weightH, hidden, block => block.FillOrthogonal(random));
        bool normalizes = options.NormalizesActivations && options.NormalizesGates;
        IsSummed = split == GateSplit.Summed;
        AddsBiasToProduct = options.Biases == GateBiases.Authors;
        AddsBiasToSum = addsBiasToSum || options.Biases == GateBiases.Outer || (!normalizes && !AddsBiasToProduct);
        if (AddsBiasToProduct || AddsBiasToSum)
        {
            Bias = Add(new Parameter<T>(backend, "bias", new Shape(groups.Features)));
        }
        if (options.Normalization == RecurrentNormalization.Weight)
        {
            lengthX = Add(GateWeights.Lengths(backend, "lengthX", weightX));
            lengthH = Add(GateWeights.Lengths(backend, "lengthH", weightH));
        }
        if (normalizes)
        {
            bool hasBias = options.Biases != GateBiases.Outer;
            NormX = IsSummed ? null : Add("normX", new RecurrentNorm<T>(backend, options, groups, hasBias, options.SharesInputStatistics));
            NormH = Add("normH", new RecurrentNorm<T>(backend, options, groups, hasBias));
        }
        hidden0 = options.LearnsInitialState ? Add(new Parameter<T>(backend, "hidden0", new Shape(hidden))) : null;
    }

    /// <summary>The numbers per case and step of the input.</summary>
    public int Inputs { get; }

    /// <summary>H, the numbers per case of the hidden state.</summary>
    public int Hidden { get; }

    /// <summary>The choices that the cell was made with.</summary>
    public RecurrentOptions Options { get; }

    /// <summary>Whether the state has a cell state beside the hidden state.</summary>
    public virtual bool HasCell => false;

    /// <summary>The gates of a product, and which share statistics.</summary>
    private protected GateGroups Groups { get; }

    /// <summary>b; null if all biases are in the normalizations.</summary>
    private protected Parameter<T>? Bias { get; }

    /// <summary>The normalization of the product with the input; null if there is none, or it is summed with the other first.</summary>
    private protected RecurrentNorm<T>? NormX { get; }

    /// <summary>The normalization of the product with the hidden state, or of the sum of both.</summary>
    private protected RecurrentNorm<T>? NormH { get; }

    /// <summary>The normalization of an LSTM's cell state.</summary>
    private protected RecurrentNorm<T>? NormC { get; init; }

    /// <summary>Whether the products are summed before they are normalized.</summary>
    private protected bool IsSummed { get; }

    /// <summary>Whether b is added inside the normalization of the product with the input.</summary>
    private protected bool AddsBiasToProduct { get; }

    /// <summary>Whether b is added outside the normalizations.</summary>
    private protected bool AddsBiasToSum { get; }

    /// <summary>Runs the cell over a sequence.</summary>
    /// <param name="x">(T, N, inputs).</param>
    /// <param name="state">The initial state, and then the final one: that after the last step of each case.</param>
    /// <param name="noise">Masks of this pass.</param>
    /// <param name="execution">How to run it; what has no fused kernels runs step by step always.</param>
    /// <param name="phase">Training or evaluation.</param>
    /// <param name="trace">Gets what every step did; null if nobody looks.</param>
    /// <returns>(T, N, H), the hidden states after every step.</returns>
    internal Tensor<T> Forward(
        Tensor<T> x, ref RecurrentState<T> state, in SequenceNoise<T> noise, RecurrentExecution execution, Phase phase,
        ICollection<RecurrentStep<T>>? trace = null) =>
        execution == RecurrentExecution.Fused && trace is null && CanFuse(x.Tape.Backend)
            ? ForwardFused(x, ref state, noise, phase)
            : ForwardStepByStep(x, ref state, noise, phase, trace);

    private Tensor<T> ForwardStepByStep(
        Tensor<T> x, ref RecurrentState<T> state, in SequenceNoise<T> noise, Phase phase, ICollection<RecurrentStep<T>>? trace)
    {
        int steps = x.Shape[0], cases = x.Shape[1];
        Tensor<T> a = InputProduct(noise.Input is { } factors ? x * factors : x, noise.Padding, phase);
        Tensor<T> weight = RecurrentWeight(x.Tape);
        RecurrentState<T> now = Start(x.Tape, state, cases);
        outputs = outputs.Length < steps ? new Tensor<T>[steps] : outputs;
        for (int t = 0; t < steps; t++)
        {
            Tensor<T> hidden = now.Hidden!.Value, product = (noise.HiddenInput is { } kept ? hidden * kept : hidden).Affine(weight);
            List<Tensor<T>>? gates = trace is null ? null : [];
            StepInput<T> input = new(t, At(a, t), product, At(noise.Candidate, t), At(noise.Padding, t), phase, gates);
            RecurrentState<T> next = Step(input, now);
            Tensor<T> h = Blend(next.Hidden!.Value, hidden, At(noise.HiddenShare, t), input.Padding);
            Tensor<T>? c = next.Cell is { } cell ? Blend(cell, now.Cell!.Value, At(noise.CellShare, t), input.Padding) : null;
            now = new(h, c);
            outputs[t] = h;
            trace?.Add(new(h, c, gates!));
        }
        state = now;
        return Tensor<T>.Stack(outputs.AsSpan(0, steps), 0);
    }

    /// <summary>The equations of one step.</summary>
    /// <param name="input">The products and masks of the step.</param>
    /// <param name="previous">The state before the step.</param>
    /// <returns>The state before zoneout and padding.</returns>
    private protected abstract RecurrentState<T> Step(in StepInput<T> input, RecurrentState<T> previous);

    /// <summary>The initial state where none was passed; the hidden state only.</summary>
    private protected virtual RecurrentState<T> Start(Tape<T> tape, RecurrentState<T> given, int cases) =>
        new(given.Hidden ?? Initial(tape, hidden0, cases));

    /// <summary>A learned initial state for every case, or zeros.</summary>
    private protected Tensor<T> Initial(Tape<T> tape, Parameter<T>? learned, int cases)
    {
        Shape shape = new(cases, Hidden);
        return learned is null ? tape.Filled(shape, T.Zero) : tape.Watch(learned).BroadcastTo(shape);
    }

    /// <summary>Normalizes the product with the hidden state and adds that with the input, or the other way round; and adds b.</summary>
    private protected Tensor<T> Gates(in StepInput<T> input)
    {
        Tape<T> tape = input.X.Tape;
        Tensor<T> a = IsSummed && NormH is not null
            ? NormH.Forward(input.Product + input.X, NormH.BiasOrZero(tape), input.Step, input.Padding, input.Phase)
            : RecurrentPart(input) + input.X;
        return AddsBiasToSum ? a + tape.Watch(Bias!) : a;
    }

    /// <summary>The product with the hidden state, normalized if it is by itself.</summary>
    private protected Tensor<T> RecurrentPart(in StepInput<T> input) => NormH is null
        ? input.Product
        : NormH.Forward(input.Product, NormH.BiasOrZero(input.X.Tape), input.Step, input.Padding, input.Phase);

    /// <summary>W_x x of all steps, and its normalization if it is by itself: (T, N, gates H).</summary>
    private Tensor<T> InputProduct(Tensor<T> x, Tensor<T>? padding, Phase phase)
    {
        Tape<T> tape = x.Tape;
        Tensor<T> weight = InputWeight(tape), a = AddsBiasToProduct ? x.Affine(weight, tape.Watch(Bias!)) : x.Affine(weight);
        return NormX is null ? a : NormalizeInput(a, NormX.BiasOrZero(tape), padding, phase);
    }

    /// <summary>The normalization of the product with the input, (T, N, gates H): by rows, by steps, or all steps together.</summary>
    private Tensor<T> NormalizeInput(Tensor<T> a, Tensor<T> shift, Tensor<T>? padding, Phase phase)
    {
        if (NormX!.Statistics is null || NormX.IsShared)
        {
            Tensor<T> rows = a.Reshape(-1, a.Shape[2]);
            return NormX.Forward(rows, shift, 0, padding?.Reshape(-1, 1), phase).Reshape(a.Shape);
        }
        Tensor<T>[] steps = new Tensor<T>[a.Shape[0]];
        for (int t = 0; t < steps.Length; t++)
        {
            steps[t] = NormX.Forward(At(a, t), shift, t, At(padding, t), phase);
        }
        return Tensor<T>.Stack(steps, 0);
    }

    private Tensor<T> InputWeight(Tape<T> tape)
    {
        Tensor<T> weight = tape.Watch(weightX);
        return lengthX is null ? weight : weight.WeightNorm(tape.Watch(lengthX));
    }

    private Tensor<T> RecurrentWeight(Tape<T> tape)
    {
        Tensor<T> weight = tape.Watch(weightH);
        return lengthH is null ? weight : weight.WeightNorm(tape.Watch(lengthH));
    }

    // share new + (1 - share) old: exactly one of them where the share is 0 or 1.
    private static Tensor<T> Blend(Tensor<T> next, Tensor<T> previous, Tensor<T>? share, Tensor<T>? padding)
    {
        if (share is null && padding is null)
        {
            return next;
        }
        Tensor<T> s = share is null ? padding!.Value : padding is null ? share.Value : share.Value * padding.Value;
        return (s * next) + ((T.One - s) * previous);
    }

    private static Tensor<T> At(Tensor<T> sequence, int t) => sequence.Slice(0, t, 1).Reshape(sequence.Shape[1], sequence.Shape[2]);

    private static Tensor<T>? At(Tensor<T>? sequence, int t) => sequence is { } tensor ? At(tensor, t) : null;
}

/// <summary>What a step of a cell gets beside the state.</summary>
/// <param name="Step">Which step.</param>
/// <param name="X">The input's part of the gates, (N, gates H).</param>
/// <param name="Product">W_h h, (N, gates H).</param>
/// <param name="Candidate">(N, H), factors of the candidate; null for none.</param>
/// <param name="Padding">(N, 1), 0 where the step is padding; null if nowhere.</param>
/// <param name="Phase">Training or evaluation.</param>
/// <param name="Gates">Gets the logistic gates, for a trace; null for none.</param>
internal readonly record struct StepInput<T>(
    int Step, Tensor<T> X, Tensor<T> Product, Tensor<T>? Candidate, Tensor<T>? Padding, Phase Phase, List<Tensor<T>>? Gates)
    where T : unmanaged, IFloatingPointIeee754<T>;
