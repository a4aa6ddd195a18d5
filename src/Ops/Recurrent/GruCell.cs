using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// A gated recurrent unit (Cho et al. 2014) whose reset gate acts after the product, so that the candidate can be normalized, with the
/// normalizations of Ba, Kiros, Hinton 2016, eq. 26-28. Gates stand in the order z, r, candidate; d is the candidate's own recurrent bias,
/// where norm has none:
/// <code>
/// [z; r] = norm(W_h h) + norm(W_x x) + b
/// q      = tanh(norm(W x) + s(r) (norm(U h) + d) + b)
/// h'     = s(z) h + (1 - s(z)) q        or, as the paper writes it, with s(z) and 1 - s(z) exchanged
/// </code>
/// </summary>
public sealed class GruCell<T> : RecurrentCell<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Gates3 = 3;

    private readonly Parameter<T>? candidateBias;

    /// <inheritdoc cref="LstmCell{T}(IBackend{T}, int, int, Philox, RecurrentOptions)"/>
    /// <exception cref="ArgumentException">The options ask for the sum of the products, which a GRU does not form.</exception>
    public GruCell(IBackend<T> backend, int inputs, int hidden, Philox random, RecurrentOptions options)
        : base(
            backend, inputs, hidden, GateGroups.Of(hidden, Gates3, 2, options.Scope), GateSplit.Separate, addsBiasToSum: false, random,
            options)
    {
        if (options.Split == GateSplit.Summed)
        {
            throw new ArgumentException(
                "A GRU cannot normalize the sum of its products, since the reset gate comes between: use GateSplit.Separate.");
        }
        candidateBias = NormH?.Bias is null ? Add(new Parameter<T>(backend, "candidateBias", new Shape(hidden))) : null;
    }

    private protected override RecurrentState<T> Step(in StepInput<T> input, RecurrentState<T> previous)
    {
        Tensor<T> h = previous.Hidden!.Value, recurrent = RecurrentPart(input);
        Tensor<T> x = AddsBiasToSum ? input.X + h.Tape.Watch(Bias!) : input.X;
        Tensor<T> z = (Gate(recurrent, 0) + Gate(x, 0)).Sigmoid(), r = (Gate(recurrent, 1) + Gate(x, 1)).Sigmoid();
        input.Gates?.AddRange([z, r]);
        Tensor<T> own = candidateBias is null ? Gate(recurrent, 2) : Gate(recurrent, 2) + h.Tape.Watch(candidateBias);
        Tensor<T> q = (Gate(x, 2) + (r * own)).Tanh(), candidate = input.Candidate is { } factors ? factors * q : q;
        return new(Options.UpdateGate == UpdateGate.Keeps
            ? (z * h) + ((T.One - z) * candidate)
            : ((T.One - z) * h) + (z * candidate));
    }

    private protected override bool AddsToX => false;

    /// <summary>The bias of the candidate's own part stays with it, since the reset gate multiplies it.</summary>
    private protected override SequenceOperands<T> FusedOperands(SequenceOperands<T> operands, Tensor<T>? padding, Phase phase)
    {
        Tape<T> tape = operands.X.Tape;
        return base.FusedOperands(operands, padding, phase) with
        {
            OwnShift = candidateBias is null ? tape.Watch(NormH!.Bias!).Slice(0, 2 * Hidden, Hidden) : tape.Watch(candidateBias),
        };
    }

    private protected override Tensor<T>? MovableBias(Tape<T> tape) => NormH?.Bias is not { } bias ? null : Tensor<T>.Concat(
        [tape.Watch(bias).Slice(0, 0, 2 * Hidden), tape.Filled(new Shape(Hidden), T.Zero)], 0);

    private protected override bool CanFuse(IBackend<T> backend) => Options.Normalization == RecurrentNormalization.Batch
        ? backend.Takes<GruBatchForward<T, NoMasks>>()
        : backend.Takes<GruForward<T, NoNormalizer, NoMasks>>();

    private protected override (Tensor<T> Outputs, Tensor<T>? Cell) Run<TNorm, TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers) =>
        SequenceNode<T, GruKernels<T, TNorm, TMasks>>.Apply(default, operands, buffers);

    private protected override (Tensor<T> Outputs, Tensor<T>? Cell) RunBatch<TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, in BatchStatistics<T> gates, in BatchStatistics<T> cells) =>
        SequenceNode<T, GruBatchKernels<T, TMasks>>.Apply(new(gates), operands, buffers);

    private Tensor<T> Gate(Tensor<T> a, int gate) => a.Slice(-1, gate * Hidden, Hidden);
}
