using System.Numerics;

namespace MiniGrad.Ops;

/// <summary>y = tensors of one shape side by side along a new axis. Each input's gradient is its part of dy, as for Concat.</summary>
public static class StackExtensions
{
    extension<T>(Tensor<T>)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Joins tensors of one shape along a new axis.</summary>
        /// <param name="tensors">At least one, with at most three axes.</param>
        /// <param name="axis">Where the new axis is in the result; negative ones count from the end of the result.</param>
        /// <exception cref="ArgumentException">There is no tensor, the shapes differ, or the result would have too many axes.</exception>
        /// <exception cref="InvalidOperationException">The tensors are of different tapes.</exception>
        public static Tensor<T> Stack(ReadOnlySpan<Tensor<T>> tensors, int axis)
        {
            Shape one = Joined.RequireSome("Stack", tensors);
            foreach (Tensor<T> tensor in tensors)
            {
                if (tensor.Shape != one)
                {
                    throw new ArgumentException(
                        $"Stack: shapes {one} and {tensor.Shape} differ: all must have the same (Concat joins along an axis they have).");
                }
            }
            int rank = one.Rank + 1;
            if (axis < -rank || axis >= rank)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(axis), axis, $"Stack: tensors of shape {one} make a result of {rank} axes; use {-rank} to {rank - 1}.");
            }
            axis = axis < 0 ? axis + rank : axis;
            Span<int> extents = stackalloc int[rank];
            for (int i = 0; i < rank; i++)
            {
                extents[i] = i == axis ? tensors.Length : one[i < axis ? i : i - 1];
            }
            return Joined.Join("Stack", tensors, new Shape(extents), axis);
        }
    }

    [GradCheck("2x3", "2x3")]
    private static Tensor<T> StackOuter<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => Tensor<T>.Stack([a, b], 0);

    [GradCheck("2x3", "2x3")]
    private static Tensor<T> StackInner<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => Tensor<T>.Stack([a, b], -1);
}
