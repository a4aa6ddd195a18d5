using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>y = x repeated along axes of extent 1. dx sums dy over the copies. Nothing is saved. The mirror image of Sum.</summary>
public static class BroadcastToExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Repeats the tensor to a shape that it broadcasts to. Binary ops broadcast by themselves, without this copy.</summary>
        /// <exception cref="ArgumentException">The tensor does not broadcast to the shape.</exception>
        public Tensor<T> BroadcastTo(Shape shape)
        {
            if (Shape.Broadcast(Operands.ShapeOf("BroadcastTo", x), shape, "BroadcastTo") != shape)
            {
                throw new ArgumentException(
                    $"BroadcastTo: shape {x.Shape} does not broadcast to {shape}: only axes of extent 1 are repeated.");
            }
            Tape<T> tape = Operands.TapeOf("BroadcastTo", x);
            Tensor<T> y = tape.NewResult(shape, x.NeedsGradient);
            tape.Backend.Copy(new CopyCall<T>(x.Value, Strides.RowMajor(x.Shape), y.Value, Strides.RowMajor(shape), shape, T.One, false));
            if (y.NeedsGradient)
            {
                tape.Record<BroadcastToNode<T>>(y, x);
            }
            return y;
        }
    }

    [GradCheck("3x1")]
    private static Tensor<T> BroadcastToInnerAndOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.BroadcastTo(new Shape(2, 3, 4));
}

internal sealed class BroadcastToNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public override string Op => "BroadcastTo";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0];
        GradientSink<T> dx = x.GradientSink();
        backend.ReduceTo(Output.Gradient, Output.Shape, dx.Buffer, x.Shape, default(SumReduction<T>), T.One, dx.Accumulate);
    }
}
