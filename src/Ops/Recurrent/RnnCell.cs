using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// The simple recurrent network, with the normalization of Ba, Kiros, Hinton 2016, eq. 4, where the products are summed first:
/// <code>
/// h' = tanh(norm(W_h h + W_x x) + b)        or, separate,  tanh(norm(W_h h) + norm(W_x x) + b)
/// </code>
/// </summary>
public sealed class RnnCell<T> : RecurrentCell<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <inheritdoc cref="LstmCell{T}(IBackend{T}, int, int, Philox, RecurrentOptions)"/>
    public RnnCell(IBackend<T> backend, int inputs, int hidden, Philox random, RecurrentOptions options)
        : base(
            backend, inputs, hidden, GateGroups.One(hidden), options.Split == GateSplit.ByCell ? GateSplit.Summed : options.Split,
            addsBiasToSum: false, random, options)
    {
    }

    private protected override RecurrentState<T> Step(in StepInput<T> input, RecurrentState<T> previous)
    {
        Tensor<T> h = Gates(input).Tanh();
        return new(input.Candidate is { } factors ? factors * h : h);
    }

    private protected override bool CanFuse(IBackend<T> backend) => Options.Normalization == RecurrentNormalization.Batch
        ? backend.Takes<RnnBatchForward<T, NoMasks>>()
        : backend.Takes<RnnForward<T, NoNormalizer, NoMasks>>();

    private protected override (Tensor<T> Outputs, Tensor<T>? Cell) Run<TNorm, TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers) =>
        SequenceNode<T, RnnKernels<T, TNorm, TMasks>>.Apply(new(IsSummed), operands, buffers);

    private protected override (Tensor<T> Outputs, Tensor<T>? Cell) RunBatch<TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, in BatchStatistics<T> gates, in BatchStatistics<T> cells) =>
        SequenceNode<T, RnnBatchKernels<T, TMasks>>.Apply(new(AddsToX, gates), operands, buffers);
}
