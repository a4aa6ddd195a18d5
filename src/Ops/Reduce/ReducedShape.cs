namespace MiniGrad.Ops;

/// <summary>The shapes that a reduction over some axes leaves.</summary>
internal readonly struct ReducedShape
{
    /// <summary>Reduces <paramref name="shape"/> over <paramref name="axes"/>, or over all of them if none is named.</summary>
    /// <exception cref="ArgumentException">There is no such axis, or one is named twice.</exception>
    public ReducedShape(string op, Shape shape, ReadOnlySpan<int> axes)
    {
        Span<int> kept = stackalloc int[shape.Rank], squeezed = stackalloc int[shape.Rank];
        int reduced = axes.IsEmpty ? -1 : 0; // A bit per axis.
        foreach (int axis in axes)
        {
            int bit = 1 << shape.NormalizeAxis(axis);
            if ((reduced & bit) != 0)
            {
                throw new ArgumentException($"{op}: axis {axis} of shape {shape} is named twice; name every axis once.");
            }
            reduced |= bit;
        }
        int rank = 0, count = 1;
        for (int axis = 0; axis < shape.Rank; axis++)
        {
            bool isReduced = (reduced >> axis & 1) != 0;
            kept[axis] = isReduced ? 1 : shape[axis];
            count *= isReduced ? shape[axis] : 1;
            if (!isReduced)
            {
                squeezed[rank++] = shape[axis];
            }
        }
        Kept = new Shape(kept);
        Squeezed = new Shape(squeezed[..rank]);
        Count = count;
    }

    /// <summary>Reduced axes stay, with extent 1.</summary>
    public Shape Kept { get; }

    /// <summary>Reduced axes are left out.</summary>
    public Shape Squeezed { get; }

    /// <summary>The shape of the result.</summary>
    public Shape Result(bool keepDims) => keepDims ? Kept : Squeezed;

    /// <summary>How many elements make one of the result.</summary>
    public int Count { get; }
}
