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
            NormC = Add("normC", new RecurrentNorm<T>(backend, options, GateGroups.One(hidden), hasBias: true));
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
        Tensor<T> normalized = NormC is null ? c : NormC.Forward(c, NormC.BiasOrZero(c.Tape), input.Step, input.Padding, input.Phase);
        return new(o * normalized.Tanh(), Options.Carry == CarriedCell.Normalized ? normalized : c);
    }

    private protected override RecurrentState<T> Start(Tape<T> tape, RecurrentState<T> given, int cases) =>
        base.Start(tape, given, cases) with { Cell = given.Cell ?? Initial(tape, cell0, cases) };

    private protected override bool CanFuse(IBackend<T> backend) => Options.Normalization == RecurrentNormalization.Batch
        ? backend.Takes<LstmBatchForward<T, NoMasks>>()
        : backend.Takes<LstmForward<T, NoNormalizer, NoNormalizer, NoMasks>>();

    private protected override Parameter<T>? Cell0 => cell0;

    private protected override (Tensor<T> Outputs, Tensor<T>? Cell) Run<TNorm, TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers) => (NormalizesRows, NormC is not null) switch
        {
            (true, true) => Run<TNorm, TNorm, TMasks>(operands, buffers),
            (true, false) => Run<TNorm, NoNormalizer, TMasks>(operands, buffers),
            (false, true) => Run<NoNormalizer, TNorm, TMasks>(operands, buffers),
            _ => Run<NoNormalizer, NoNormalizer, TMasks>(operands, buffers),
        };

    private protected override (Tensor<T> Outputs, Tensor<T>? Cell) RunBatch<TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, in BatchStatistics<T> gates, in BatchStatistics<T> cells) =>
        SequenceNode<T, LstmBatchKernels<T, TMasks>>.Apply(new(AddsToX, gates, cells), operands, buffers);

    private (Tensor<T> Outputs, Tensor<T>? Cell) Run<TGates, TCell, TMasks>(in SequenceOperands<T> operands, in SequenceBuffers<T> buffers)
        where TGates : struct, IRowNormalizer
        where TCell : struct, IRowNormalizer
        where TMasks : struct, IMasking =>
        SequenceNode<T, LstmKernels<T, TGates, TCell, TMasks>>.Apply(new(IsSummed), operands, buffers);

    private Tensor<T> Gate(Tensor<T> a, int gate) => a.Slice(-1, gate * Hidden, Hidden);
}
