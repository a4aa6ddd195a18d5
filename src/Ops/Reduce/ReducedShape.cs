namespace MiniGrad.Ops;

/// <summary>The shapes that a reduction over some axes leaves.</summary>
internal readonly struct ReducedShape
{
    /// <summary>Reduces <paramref name="shape"/> over <paramref name="axes"/>, or over all of them if none is named.</summary>
    /// <exception cref="ArgumentException">There is no such axis, or one is named twice.</exception>
    public ReducedShape(string op, Shape shape, ReadOnlySpan<int> axes)
    {
        Span<int> kept = stackalloc int[shape.Rank], squeezed = stackalloc int[shape.Rank];
        Span<bool> isReduced = stackalloc bool[shape.Rank];
        isReduced.Fill(axes.IsEmpty);
        foreach (int axis in axes)
        {
            int normalized = shape.NormalizeAxis(axis);
            if (isReduced[normalized])
            {
                throw new ArgumentException($"{op}: axis {axis} of shape {shape} is named twice; name every axis once.");
            }
            isReduced[normalized] = true;
        }
        int rank = 0, count = 1;
        for (int axis = 0; axis < shape.Rank; axis++)
        {
            kept[axis] = isReduced[axis] ? 1 : shape[axis];
            count *= isReduced[axis] ? shape[axis] : 1;
            if (!isReduced[axis])
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
