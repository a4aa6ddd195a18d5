using System.Numerics;
using System.Runtime.CompilerServices;

namespace MiniGrad.Backends;

/// <summary>Steps between neighbouring elements along each of four axes, in elements; 0 repeats.</summary>
[InlineArray(Shape.MaxRank)]
public struct Strides
{
    private int first;

    /// <summary>
    /// The strides of a contiguous row-major array of this shape, right-aligned; axes of extent 1 have stride 0, so that they broadcast.
    /// </summary>
    public static Strides RowMajor(Shape shape)
    {
        Strides strides = default;
        int step = 1;
        for (int slot = Shape.MaxRank - 1; slot >= 0; slot--)
        {
            strides[slot] = shape.Aligned[slot] == 1 ? 0 : step;
            step *= shape.Aligned[slot];
        }
        return strides;
    }
}

/// <summary>
/// The arguments of <see cref="IBackend{T}.Copy"/>: y[i] (+)= scale x[i] for every index i of the shape, each side by its own strides.
/// </summary>
/// <param name="X">The source; its first element is the one at index 0.</param>
/// <param name="StridesX">Steps of the source, right-aligned to the axes of <paramref name="Shape"/>.</param>
/// <param name="Y">The destination; its first element is the one at index 0.</param>
/// <param name="StridesY">Steps of the destination; no two indices may meet.</param>
/// <param name="Shape">The extents copied.</param>
/// <param name="Scale">What the elements are multiplied by.</param>
/// <param name="Accumulate">Whether to add to y instead of assigning.</param>
public readonly record struct CopyCall<T>(
    DeviceBuffer<T> X, Strides StridesX, DeviceBuffer<T> Y, Strides StridesY, Shape Shape, T Scale, bool Accumulate)
    where T : unmanaged, IFloatingPointIeee754<T>;
