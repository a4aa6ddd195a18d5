using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>The steps of a fused LSTM.</summary>
internal readonly struct LstmKernels<T, TGates, TCell, TMasks>(bool isSummed) : ISequenceKernels<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TGates : struct, IRowNormalizer
    where TCell : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string Op => "Lstm";

    public bool AddsToX => isSummed || !TGates.IsPresent;

    public void Forward(IBackend<T> backend, in SequenceBuffers<T> s, int step) =>
        backend.Run(new LstmForward<T, TGates, TCell, TMasks>(s, step), s.Cases, s.Grain);

    public void Backward(IBackend<T> backend, in SequenceBuffers<T> s, in SequenceGradients<T> d, int step) =>
        backend.Run(new LstmBackward<T, TGates, TCell, TMasks>(s, d, step), s.Cases, s.Grain);
}

/// <summary>The steps of a fused simple network.</summary>
internal readonly struct RnnKernels<T, TNorm, TMasks>(bool isSummed) : ISequenceKernels<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TNorm : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string Op => "Rnn";

    public bool AddsToX => isSummed || !TNorm.IsPresent;

    public void Forward(IBackend<T> backend, in SequenceBuffers<T> s, int step) =>
        backend.Run(new RnnForward<T, TNorm, TMasks>(s, step), s.Cases, s.Grain);

    public void Backward(IBackend<T> backend, in SequenceBuffers<T> s, in SequenceGradients<T> d, int step) =>
        backend.Run(new RnnBackward<T, TNorm, TMasks>(s, d, step), s.Cases, s.Grain);
}

/// <summary>The steps of a fused gated recurrent unit.</summary>
internal readonly struct GruKernels<T, TNorm, TMasks> : ISequenceKernels<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TNorm : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string Op => "Gru";

    public bool AddsToX => false;

    public void Forward(IBackend<T> backend, in SequenceBuffers<T> s, int step) =>
        backend.Run(new GruForward<T, TNorm, TMasks>(s, step), s.Cases, s.Grain);

    public void Backward(IBackend<T> backend, in SequenceBuffers<T> s, in SequenceGradients<T> d, int step) =>
        backend.Run(new GruBackward<T, TNorm, TMasks>(s, d, step), s.Cases, s.Grain);
}
