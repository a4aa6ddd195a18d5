using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// A long short-term memory cell (Hochreiter, Schmidhuber 1997), with the normalizations of Ba, Kiros, Hinton 2016, eq. 20-22. Gates
/// stand in the order f, i, o, g; norm is what the options choose, and s the logistic function:
/// <code>
/// [f; i; o; g] = norm(W_h h) + norm(W_x x) + b        or, summed,  norm(W_h h + W_x x) + b
/// c' = s(f) c + s(i) tanh(g)                          handed on as it is, or normalized
/// h' = s(o) tanh(norm(c'))
/// </code>
/// </summary>
public sealed class LstmCell<T> : RecurrentCell<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Gates4 = 4;

    private readonly RecurrentNorm<T>? normC;
    private readonly Parameter<T>? cell0;

    /// <summary>A cell with random weights: Xavier's for the input, orthogonal ones for the hidden state, gate by gate.</summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="inputs">The numbers per case and step.</param>
    /// <param name="hidden">H.</param>
    /// <param name="random">Draws the weights.</param>
    /// <param name="options">The cell's variant.</param>
    public LstmCell(IBackend<T> backend, int inputs, int hidden, Philox random, RecurrentOptions options)
        : base(
            backend, inputs, hidden, GateGroups.Of(hidden, Gates4, Gates4, options.Scope),
            options.Split == GateSplit.ByCell ? GateSplit.Separate : options.Split,
            options.Biases is GateBiases.Paper or GateBiases.Authors, random, options)
    {
        if (options.NormalizesActivations && options.NormalizesCell)
        {
            normC = Add("normC", new RecurrentNorm<T>(backend, options, GateGroups.One(hidden), hasBias: true));
        }
        cell0 = options.LearnsInitialState ? Add(new Parameter<T>(backend, "cell0", new Shape(hidden))) : null;
        GateWeights.FillGate((Bias ?? NormH?.Bias)!, 0, hidden, options.ForgetBias);
    }

    /// <inheritdoc/>
    public override bool HasCell => true;

    private protected override RecurrentState<T> Step(in StepInput<T> input, RecurrentState<T> previous)
    {
        Tensor<T> a = Gates(input);
        Tensor<T> f = Gate(a, 0).Sigmoid(), i = Gate(a, 1).Sigmoid(), o = Gate(a, 2).Sigmoid(), g = Gate(a, 3).Tanh();
        input.Gates?.AddRange([f, i, o]);
        Tensor<T> c = (f * previous.Cell!.Value) + (i * (input.Candidate is { } factors ? factors * g : g));
        Tensor<T> normalized = normC is null ? c : normC.Forward(c, normC.BiasOrZero(c.Tape), input.Step, input.Padding, input.Phase);
        return new(o * normalized.Tanh(), Options.Carry == CarriedCell.Normalized ? normalized : c);
    }

    private protected override RecurrentState<T> Start(Tape<T> tape, RecurrentState<T> given, int cases) =>
        base.Start(tape, given, cases) with { Cell = given.Cell ?? Initial(tape, cell0, cases) };

    private protected override bool CanFuse(IBackend<T> backend) => Options.Normalization == RecurrentNormalization.Batch
        ? backend.Takes<LstmBatchForward<T, NoMasks>>()
        : backend.Takes<LstmForward<T, NoNormalizer, NoNormalizer, NoMasks>>();

    internal override void PlaceStatistics(int firstStep, bool isFrozen)
    {
        base.PlaceStatistics(firstStep, isFrozen);
        normC?.Place(firstStep, isFrozen);
    }

    private protected override Parameter<T>? Cell0 => cell0;

    private protected override SequenceOperands<T> FusedOperands(SequenceOperands<T> operands, Tensor<T>? padding, Phase phase)
    {
        Tape<T> tape = operands.X.Tape;
        return normC is null
            ? base.FusedOperands(operands, padding, phase)
            : base.FusedOperands(operands, padding, phase) with { CellGain = normC.Gain(tape), CellBias = normC.BiasOrZero(tape) };
    }

    private protected override (Tensor<T> Outputs, Tensor<T>? Cell) RunFused(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, in SequenceNoise<T> noise, Phase phase) =>
        Options.Normalization == RecurrentNormalization.Batch ? RunBatch(operands, buffers, noise, phase)
        : noise.IsEmpty ? Run<NoMasks>(operands, buffers)
        : Run<Masks>(operands, buffers);

    private (Tensor<T> Outputs, Tensor<T>? Cell) RunBatch(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, in SequenceNoise<T> noise, Phase phase)
    {
        Tape<T> tape = operands.X.Tape;
        BatchStatistics<T> gates = NormH?.StatisticsOf(tape, buffers.Steps, buffers.Cases, noise.Padding, phase) ?? default;
        BatchStatistics<T> cells = normC?.StatisticsOf(tape, buffers.Steps, buffers.Cases, noise.Padding, phase) ?? default;
        (Tensor<T> Outputs, Tensor<T>? Cell) result = noise.IsEmpty
            ? SequenceNode<T, LstmBatchKernels<T, NoMasks>>.Apply(new(AddsToX, gates, cells), operands, buffers)
            : SequenceNode<T, LstmBatchKernels<T, Masks>>.Apply(new(AddsToX, gates, cells), operands, buffers);
        gates.UpdateTables(tape.Backend);
        cells.UpdateTables(tape.Backend);
        return result;
    }

    private (Tensor<T> Outputs, Tensor<T>? Cell) Run<TMasks>(in SequenceOperands<T> operands, in SequenceBuffers<T> buffers)
        where TMasks : struct, IMasking => (Options.Normalization, NormalizesRows, normC is not null) switch
        {
            (RecurrentNormalization.Layer, true, true) => Run<LayerNormalizer, LayerNormalizer, TMasks>(operands, buffers),
            (RecurrentNormalization.Layer, true, false) => Run<LayerNormalizer, NoNormalizer, TMasks>(operands, buffers),
            (RecurrentNormalization.Layer, false, true) => Run<NoNormalizer, LayerNormalizer, TMasks>(operands, buffers),
            (RecurrentNormalization.Rms, true, true) => Run<RmsNormalizer, RmsNormalizer, TMasks>(operands, buffers),
            (RecurrentNormalization.Rms, true, false) => Run<RmsNormalizer, NoNormalizer, TMasks>(operands, buffers),
            (RecurrentNormalization.Rms, false, true) => Run<NoNormalizer, RmsNormalizer, TMasks>(operands, buffers),
            _ => Run<NoNormalizer, NoNormalizer, TMasks>(operands, buffers),
        };

    private (Tensor<T> Outputs, Tensor<T>? Cell) Run<TGates, TCell, TMasks>(in SequenceOperands<T> operands, in SequenceBuffers<T> buffers)
        where TGates : struct, IRowNormalizer
        where TCell : struct, IRowNormalizer
        where TMasks : struct, IMasking =>
        SequenceNode<T, LstmKernels<T, TGates, TCell, TMasks>>.Apply(new(IsSummed), operands, buffers);

    private Tensor<T> Gate(Tensor<T> a, int gate) => a.Slice(-1, gate * Hidden, Hidden);
}
