using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The last cell state of a sequence, as an output of its own. It stands behind the sequence's node on the tape and hands its gradient over
/// to it; that the node runs at all, it sees to by writing zeros where nobody wrote a gradient of the hidden states.
/// </summary>
internal sealed class FinalCellNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private SequenceNode<T>? sequence;

    public override string Op => "FinalCell";

    public static Tensor<T> Apply(DeviceBuffer<T> cell, Tensor<T> outputs, SequenceNode<T>? sequence, int cases)
    {
        Tensor<T> final = outputs.Tape.NewView(cell, new Shape(cases, cell.Length / cases), outputs.NeedsGradient);
        if (sequence is not null)
        {
            outputs.Tape.Record<FinalCellNode<T>>(final, outputs).sequence = sequence;
        }
        return final;
    }

    public override void Backward(IBackend<T> backend)
    {
        GradientSink<T> sink = Inputs[0].GradientSink();
        if (!sink.Accumulate)
        {
            backend.Fill(sink.Buffer, T.Zero);
        }
        sequence!.FinalCellGradient = Output.Gradient;
    }
}
