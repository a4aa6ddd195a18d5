using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = the elements of x, in the same order, under another shape. dx = dy, likewise. y shares the memory of x; nothing is saved.
/// </summary>
public static class ReshapeExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The same elements under another shape, without a copy.</summary>
        /// <param name="extents">The new extents. One may be -1: it takes what the others leave.</param>
        /// <exception cref="ArgumentException">The number of elements differs, or the missing extent cannot be inferred.</exception>
        public Tensor<T> Reshape(params ReadOnlySpan<int> extents) => x.Reshape(Infer(Operands.ShapeOf("Reshape", x), extents));

        /// <summary>The same elements under another shape, without a copy.</summary>
        /// <exception cref="ArgumentException">The number of elements differs.</exception>
        public Tensor<T> Reshape(Shape shape)
        {
            if (shape.ElementCount != x.Shape.ElementCount)
            {
                throw new ArgumentException(
                    $"Reshape: shape {x.Shape} has {x.Shape.ElementCount} elements and {shape} has {shape.ElementCount}: " +
                    "they must be as many.");
            }
            Tape<T> tape = Operands.TapeOf("Reshape", x);
            Tensor<T> y = tape.NewView(x.Value, shape, x.NeedsGradient);
            if (y.NeedsGradient)
            {
                tape.Record<ReshapeNode<T>>(y, x);
            }
            return y;
        }
    }

    [GradCheck("3x4")]
    private static Tensor<T> ReshapeInferred<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Reshape(2, -1, 3);

    private static Shape Infer(Shape from, ReadOnlySpan<int> extents)
    {
        int inferred = extents.IndexOf(-1);
        if (inferred < 0)
        {
            return new Shape(extents);
        }
        long known = 1;
        foreach (int extent in extents)
        {
            known *= extent == -1 ? 1 : extent;
        }
        if (extents[(inferred + 1)..].Contains(-1) || known < 1 || from.ElementCount % known != 0)
        {
            throw new ArgumentException(
                $"Reshape: shape {from} has {from.ElementCount} elements, " +
                $"from which ({string.Join(", ", extents.ToArray())}) cannot be inferred: " +
                "one extent may be -1, and the product of the others must divide the number of elements.");
        }
        Span<int> complete = stackalloc int[extents.Length];
        extents.CopyTo(complete);
        complete[inferred] = (int)(from.ElementCount / known);
        return new Shape(complete);
    }
}

internal sealed class ReshapeNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public override string Op => "Reshape";

    public override void Backward(IBackend<T> backend)
    {
        GradientSink<T> dx = Inputs[0].GradientSink();
        Strides strides = Strides.RowMajor(Output.Shape);
        backend.Copy(new CopyCall<T>(Output.Gradient, strides, dx.Buffer, strides, Output.Shape, T.One, dx.Accumulate));
    }
}
