using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y[i_0, i_1, ...] = x with its axes in another order. A permutation of elements moves gradients back by its inverse:
/// dx[where y[i] came from] = dy[i]. Nothing is saved. Tensors are contiguous, so this copies; a product with a transposed matrix needs no
/// copy (MatMul's flags).
/// </summary>
public static class TransposeExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Swaps the last two axes.</summary>
        /// <exception cref="ArgumentOutOfRangeException">The tensor has less than two axes.</exception>
        [GradCheck("3x5")]
        [GradCheck("2x3x4")]
        public Tensor<T> Transpose() => x.Transpose(-2, -1);

        /// <summary>Swaps two axes; negative ones count from the end.</summary>
        /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
        public Tensor<T> Transpose(int axisA, int axisB)
        {
            Shape shape = Operands.ShapeOf("Transpose", x);
            int a = shape.NormalizeAxis(axisA), b = shape.NormalizeAxis(axisB);
            Span<int> axes = stackalloc int[shape.Rank];
            for (int axis = 0; axis < axes.Length; axis++)
            {
                axes[axis] = axis == a ? b : axis == b ? a : axis;
            }
            return x.Permute(axes);
        }

        /// <summary>Puts the axes in another order: axis i of the result is axis <paramref name="axes"/>[i] of the tensor.</summary>
        /// <param name="axes">Every axis once; negative ones count from the end.</param>
        /// <exception cref="ArgumentException"><paramref name="axes"/> does not name every axis once.</exception>
        public Tensor<T> Permute(params ReadOnlySpan<int> axes)
        {
            Tape<T> tape = Operands.TapeOf("Transpose", x);
            Span<int> extents = stackalloc int[x.Shape.Rank];
            Strides strides = Permuted(x.Shape, axes, extents);
            Shape shape = new(extents);
            Tensor<T> y = tape.NewResult(shape, x.NeedsGradient);
            tape.Backend.Copy(new CopyCall<T>(x.Value, strides, y.Value, Strides.RowMajor(shape), shape, T.One, false));
            if (y.NeedsGradient)
            {
                tape.Record<TransposeNode<T>>(y, x).StridesX = strides;
            }
            return y;
        }
    }

    [GradCheck("2x3x4x5")]
    private static Tensor<T> PermuteAll<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Permute(2, 0, -1, 1);

    [GradCheck("2x3x4")]
    private static Tensor<T> TransposeOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Transpose(0, 1);

    /// <summary>The steps through x along the axes of the result, whose extents it writes.</summary>
    private static Strides Permuted(Shape shape, ReadOnlySpan<int> axes, Span<int> extents)
    {
        Strides strides = Strides.RowMajor(shape), permuted = default;
        int named = 0, padding = Shape.MaxRank - shape.Rank;
        for (int axis = 0; axis < axes.Length && axes.Length == shape.Rank; axis++)
        {
            int from = shape.NormalizeAxis(axes[axis]);
            named |= 1 << from;
            extents[axis] = shape[from];
            permuted[padding + axis] = strides[padding + from];
        }
        return named == (1 << shape.Rank) - 1 && axes.Length == shape.Rank ? permuted : throw new ArgumentException(
            $"Permute: ({string.Join(", ", axes.ToArray())}) does not name each of the {shape.Rank} axes of shape {shape} once.");
    }
}

internal sealed class TransposeNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public Strides StridesX { get; set; }

    public override string Op => "Transpose";

    public override void Backward(IBackend<T> backend)
    {
        GradientSink<T> dx = Inputs[0].GradientSink();
        backend.Copy(new CopyCall<T>(
            Output.Gradient, Strides.RowMajor(Output.Shape), dx.Buffer, StridesX, Output.Shape, T.One, dx.Accumulate));
    }
}
