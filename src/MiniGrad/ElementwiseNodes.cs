using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>Puts elementwise formulas on the tape: <see cref="IUnaryOp{T}"/> and <see cref="IBinaryOp{T}"/> with broadcasting.</summary>
public static class Elementwise
{
    /// <summary>y = f(x), of the shape of <paramref name="x"/>.</summary>
    public static Tensor<T> Map<T, TOp>(this Tensor<T> x, TOp op)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IUnaryOp<T>
    {
        Tape<T> tape = Operands.TapeOf(OpName.Of<TOp>(), x);
        ref readonly TapeEntry<T> operand = ref tape.Tensors[x]; // Stays right where it is if the table grows and moves.
        Tensor<T> y = tape.NewResult(operand.Shape, operand.NeedsGradient);
        tape.Backend.Map(op, operand.Value, y.Value);
        if (y.NeedsGradient)
        {
            tape.Record<UnaryNode<T, TOp>>(y, x).Formula = op;
        }
        return y;
    }

    /// <summary>y = f(a, b), of the shape that both broadcast to.</summary>
    /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
    /// <exception cref="InvalidOperationException">The operands are of different tapes.</exception>
    public static Tensor<T> Zip<T, TOp>(this Tensor<T> a, Tensor<T> b, TOp op)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IBinaryOp<T>
    {
        string name = OpName.Of<TOp>();
        Tape<T> tape = Operands.TapeOf(name, a, b);
        ref readonly TapeEntry<T> left = ref tape.Tensors[a], right = ref tape.Tensors[b];
        Shape shape = Shape.Broadcast(left.Shape, right.Shape, name);
        Tensor<T> y = tape.NewResult(shape, left.NeedsGradient || right.NeedsGradient);
        tape.Backend.Zip(op, new ZipOperands<T>(left.Value, left.Shape, right.Value, right.Shape, shape), y.Value);
        if (y.NeedsGradient)
        {
            tape.Record<BinaryNode<T, TOp>>(y, a, b).Formula = op;
        }
        return y;
    }
}

/// <summary>y = f(x): dx = f'(x) dy.</summary>
internal sealed class UnaryNode<T, TOp> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TOp : unmanaged, IUnaryOp<T>
{
    public TOp Formula { get; set; }

    public override string Op => OpName.Of<TOp>();

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0];
        ref readonly TapeEntry<T> output = ref Output.Tape.Tensors[Output];
        backend.MapVjp(Formula, TOp.Saves == Saves.Input ? x.Value : output.Value, output.Gradient, x.GradientSink());
    }
}

/// <summary>y = f(a, b): da = df/da dy and db = df/db dy, summed over the axes along which the operand was broadcast.</summary>
internal sealed class BinaryNode<T, TOp> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TOp : unmanaged, IBinaryOp<T>
{
    public TOp Formula { get; set; }

    public override string Op => OpName.Of<TOp>();

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> a = Inputs[0], b = Inputs[1];
        TensorTable<T> tensors = Output.Tape.Tensors;
        ref readonly TapeEntry<T> left = ref tensors[a], right = ref tensors[b], output = ref tensors[Output];
        if (left.Shape.ElementCount == output.Shape.ElementCount && right.Shape.ElementCount == output.Shape.ElementCount)
        {
            GradientSink<T> da = a.GradientSink(), db = b.GradientSink();
            ZipOperands<T> operands = new(left.Value, left.Shape, right.Value, right.Shape, output.Shape);
            backend.ZipVjp(Formula, operands, output.Gradient, da, db);
        }
        else
        {
            BackwardBroadcast(backend, a, b, output.Shape);
        }
    }

    private void BackwardBroadcast(IBackend<T> backend, Tensor<T> a, Tensor<T> b, Shape shape)
    {
        using Unbroadcast<T> da = new(a, shape);
        using Unbroadcast<T> db = new(b, shape);
        backend.ZipVjp(Formula, new ZipOperands<T>(a.Value, a.Shape, b.Value, b.Shape, shape), Output.Gradient, da.Sink, db.Sink);
        da.Finish();
        db.Finish();
    }
}

/// <summary>
/// The other half of broadcasting. An operand that was repeated along an axis gets the sum of the gradients of its copies: they are
/// written at full size to <see cref="Sink"/>, then <see cref="Finish"/> sums them. An operand of full size gets them directly.
/// </summary>
internal readonly ref struct Unbroadcast<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Tensor<T> operand;
    private readonly Shape shape;
    private readonly GradientSink<T> target;
    private readonly Scratch<T>? copies;

    public Unbroadcast(Tensor<T> operand, Shape shape)
    {
        this.operand = operand;
        this.shape = shape;
        target = operand.GradientSink();
        if (target.IsWanted && operand.Shape.ElementCount != shape.ElementCount)
        {
            copies = operand.Tape.Backend.Pool.RentScratch<T>(shape.ElementCount);
        }
    }

    public GradientSink<T> Sink => copies is { } scratch ? new(scratch.Buffer, false) : target;

    public void Finish()
    {
        if (copies is { } scratch)
        {
            IBackend<T> backend = operand.Tape.Backend;
            backend.ReduceTo(scratch.Buffer, shape, target.Buffer, operand.Shape, new SumReduction<T>(), T.One, target.Accumulate);
        }
    }

    public void Dispose() => copies?.Dispose();
}
