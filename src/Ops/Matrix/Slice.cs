using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = a run of x along one axis. dx = dy where y was cut, 0 elsewhere. The first slice to write dx fills it with zeros; each slice then
/// adds to its own part only, so that cutting T steps out of a sequence costs one pass in backward, not T. A slice of leading rows shares
/// the memory of x. Nothing is saved.
/// </summary>
public static class SliceExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The part of the tensor with indices from <paramref name="start"/> on along an axis.</summary>
        /// <param name="axis">Which axis; negative ones count from the end.</param>
        /// <param name="start">The first index kept.</param>
        /// <param name="length">How many indices are kept, at least 1.</param>
        /// <returns>A tensor of the same rank; it shares memory if no axis before <paramref name="axis"/> is longer than 1.</returns>
        /// <exception cref="ArgumentOutOfRangeException">There is no such axis, or the run is not within it.</exception>
        public Tensor<T> Slice(int axis, int start, int length)
        {
            Tape<T> tape = Operands.TapeOf("Slice", x);
            SlicedAxis cut = new(x.Shape, axis, start, length);
            Tensor<T> y;
            if (cut.IsContiguous)
            {
                y = tape.NewView(x.Value.Slice(cut.Offset, cut.Shape.ElementCount), cut.Shape, x.NeedsGradient);
            }
            else
            {
                y = tape.NewResult(cut.Shape, x.NeedsGradient);
                tape.Backend.Copy(new CopyCall<T>(
                    cut.Of(x.Value), Strides.RowMajor(x.Shape), y.Value, Strides.RowMajor(cut.Shape), cut.Shape, T.One, false));
            }
            if (y.NeedsGradient)
            {
                tape.Record<SliceNode<T>>(y, x).Cut = cut;
            }
            return y;
        }
    }

    [GradCheck("5x3")]
    private static Tensor<T> SliceRows<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Slice(0, 1, 3);

    [GradCheck("2x5x3")]
    private static Tensor<T> SliceMiddle<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Slice(1, 2, 2);

    [GradCheck("2x5")]
    private static Tensor<T> SliceColumn<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Slice(-1, 4, 1);
}

/// <summary>Where a slice is in the tensor that it is cut from.</summary>
internal readonly struct SlicedAxis
{
    public SlicedAxis(Shape shape, int axis, int start, int length)
    {
        axis = shape.NormalizeAxis(axis);
        if (start < 0 || length < 1 || start > shape[axis] - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), $"Slice: {length} indices from {start} on are not a run within axis {axis} of shape {shape}, " +
                $"which has {shape[axis]}.");
        }
        Span<int> extents = stackalloc int[shape.Rank];
        int outer = 1, inner = 1;
        for (int i = 0; i < shape.Rank; i++)
        {
            extents[i] = i == axis ? length : shape[i];
            outer *= i < axis ? shape[i] : 1;
            inner *= i > axis ? shape[i] : 1;
        }
        Shape = new Shape(extents);
        Offset = start * inner;
        IsContiguous = outer == 1;
    }

    /// <summary>The extents of the slice.</summary>
    public Shape Shape { get; }

    /// <summary>The position of its first element.</summary>
    public int Offset { get; }

    /// <summary>Whether its elements stand one after the other.</summary>
    public bool IsContiguous { get; }

    /// <summary>The buffer of the whole tensor from the slice's first element on.</summary>
    public DeviceBuffer<T> Of<T>(DeviceBuffer<T> whole)
        where T : unmanaged => whole.Slice(Offset, whole.Length - Offset);
}

internal sealed class SliceNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public SlicedAxis Cut { get; set; }

    public override string Op => "Slice";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0];
        GradientSink<T> dx = x.GradientSink();
        if (!dx.Accumulate)
        {
            backend.Fill(dx.Buffer, T.Zero);
        }
        backend.Copy(new CopyCall<T>(
            Output.Gradient, Strides.RowMajor(Cut.Shape), Cut.Of(dx.Buffer), Strides.RowMajor(x.Shape), Cut.Shape, T.One, true));
    }
}
