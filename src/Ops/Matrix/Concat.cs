using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = tensors one after the other along an axis. Each element of y is one element of an input, so each input's gradient is its part of dy.
/// Nothing is saved.
/// </summary>
public static class ConcatExtensions
{
    extension<T>(Tensor<T>)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Joins tensors along an axis that they have.</summary>
        /// <param name="tensors">At least one; extents may differ along <paramref name="axis"/> only.</param>
        /// <param name="axis">The axis; negative ones count from the end.</param>
        /// <exception cref="ArgumentException">There is no tensor, or the shapes do not fit.</exception>
        /// <exception cref="InvalidOperationException">The tensors are of different tapes.</exception>
        public static Tensor<T> Concat(ReadOnlySpan<Tensor<T>> tensors, int axis)
        {
            Shape first = Joined.RequireSome("Concat", tensors);
            axis = first.NormalizeAxis(axis);
            Span<int> extents = stackalloc int[first.Rank];
            for (int i = 0; i < first.Rank; i++)
            {
                extents[i] = first[i];
            }
            foreach (Tensor<T> tensor in tensors[1..])
            {
                for (int i = 0; i < first.Rank; i++)
                {
                    if (tensor.Shape.Rank != first.Rank || (i != axis && tensor.Shape[i] != first[i]))
                    {
                        throw new ArgumentException(
                            $"Concat: shapes {first} and {tensor.Shape} do not fit along axis {axis}: " +
                            "all other axes must have the same extents.");
                    }
                }
                extents[axis] += tensor.Shape[axis];
            }
            return Joined.Join("Concat", tensors, new Shape(extents), axis);
        }
    }

    [GradCheck("2x3", "4x3")]
    private static Tensor<T> ConcatRows<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => Tensor<T>.Concat([a, b], 0);

    [GradCheck("2x3x2", "2x1x2")]
    private static Tensor<T> ConcatMiddleTwice<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => Tensor<T>.Concat([a, b, a], 1);
}

/// <summary>
/// What Concat and Stack share. With the axes before the joined one as rows, each input is a block of columns of y: what follows an index
/// of those axes is contiguous in each input, and the inputs' runs stand side by side in y.
/// </summary>
internal static class Joined
{
    /// <summary>The shape of the first tensor, once all were checked.</summary>
    public static Shape RequireSome<T>(string op, ReadOnlySpan<Tensor<T>> tensors)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (tensors.Length == 0)
        {
            throw new ArgumentException($"{op}: there are no tensors to join; give at least one.");
        }
        Operands.TapeOf(op, tensors);
        return tensors[0].Shape;
    }

    public static Tensor<T> Join<T>(string op, ReadOnlySpan<Tensor<T>> tensors, Shape shape, int axis)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tape<T> tape = Operands.TapeOf(op, tensors);
        int rows = 1;
        for (int i = 0; i < axis; i++)
        {
            rows *= shape[i];
        }
        bool needsGradient = false;
        foreach (Tensor<T> tensor in tensors)
        {
            needsGradient |= tensor.NeedsGradient;
        }
        Tensor<T> y = tape.NewResult(shape, needsGradient);
        Strides stridesY = Strides.RowMajor(new Shape(rows, shape.ElementCount / rows));
        int offset = 0;
        foreach (Tensor<T> tensor in tensors)
        {
            Shape block = new(rows, tensor.Shape.ElementCount / rows);
            tape.Backend.Copy(new CopyCall<T>(
                tensor.Value, Strides.RowMajor(block), y.Value.Slice(offset, y.Value.Length - offset), stridesY, block, T.One, false));
            offset += block[1];
        }
        if (y.NeedsGradient)
        {
            JoinNode<T> node = tape.Record<JoinNode<T>>(y, tensors);
            (node.Name, node.Rows) = (op, rows);
        }
        return y;
    }
}

internal sealed class JoinNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public string Name { get; set; } = "";

    public int Rows { get; set; }

    public override string Op => Name;

    public override void Backward(IBackend<T> backend)
    {
        DeviceBuffer<T> dy = Output.Gradient;
        Strides stridesY = Strides.RowMajor(new Shape(Rows, dy.Length / Rows));
        int offset = 0;
        foreach (Tensor<T> input in Inputs)
        {
            Shape block = new(Rows, input.Shape.ElementCount / Rows);
            GradientSink<T> dx = input.GradientSink();
            if (dx.IsWanted)
            {
                backend.Copy(new CopyCall<T>(
                    dy.Slice(offset, dy.Length - offset), stridesY, dx.Buffer, Strides.RowMajor(block), block, T.One, dx.Accumulate));
            }
            offset += block[1];
        }
    }
}
