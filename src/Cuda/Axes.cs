using MiniGrad.Backends;

namespace MiniGrad.Cuda;

/// <summary>
/// The axes of a shape as two layouts step along them, with neighbours merged that both step through as one: equal shapes become one axis,
/// a matrix and a bias row two. Passed to kernels by value.
/// </summary>
internal readonly struct Axes
{
    private readonly Strides extents, stepsA, stepsB;

    public Axes(Shape shape, Strides a, Strides b)
    {
        int slot = Shape.MaxRank;
        for (int axis = Shape.MaxRank - 1; axis >= 0; axis--)
        {
            int extent = shape.Aligned[axis];
            if (extent == 1)
            {
                continue;
            }
            if (slot < Shape.MaxRank && a[axis] == stepsA[slot] * extents[slot] && b[axis] == stepsB[slot] * extents[slot])
            {
                extents[slot] *= extent;
                continue;
            }
            slot--;
            (extents[slot], stepsA[slot], stepsB[slot]) = (extent, a[axis], b[axis]);
        }
        for (int unused = 0; unused < slot; unused++)
        {
            extents[unused] = 1;
        }
    }

    /// <summary>
    /// Whether runs of <paramref name="pack"/> elements from any multiple of it stay within the last axis, stepping by one or not at all.
    /// </summary>
    public bool TakesPacks(int pack)
    {
        const int last = Shape.MaxRank - 1;
        bool oneAxis = extents[last - 1] == 1;
        return (oneAxis || extents[last] % pack == 0) && stepsA[last] is 0 or 1 && stepsB[last] is 0 or 1;
    }

    /// <summary>Whether the first layout steps along the last axis, so that packs are loaded from it.</summary>
    public bool StepsA => stepsA[Shape.MaxRank - 1] != 0;

    /// <summary>Whether the second layout does.</summary>
    public bool StepsB => stepsB[Shape.MaxRank - 1] != 0;
}
