using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// The order in which a strided copy visits its elements. Axes are sorted so that the destination's smallest steps are innermost, and
/// neighbours that both sides step through as one are merged; which axis is which does not matter to a copy.
/// </summary>
internal readonly struct CopyPlan
{
    /// <summary>The side of a tile of a transposed copy: one cache line of floats, two of doubles.</summary>
    public const int Tile = 16;

    private const int ElementsPerChunk = 8192;
    private const int Inner = Shape.MaxRank - 1, Second = Shape.MaxRank - 2;

    private readonly Strides extents, stepsX, stepsY;
    private readonly int partsPerRow;

    public CopyPlan(Shape shape, Strides x, Strides y)
    {
        Span<int> order = stackalloc int[Shape.MaxRank];
        int slot = Shape.MaxRank;
        foreach (int axis in order[..Sort(shape, y, order)])
        {
            int extent = shape.Aligned[axis];
            if (slot <= Inner && x[axis] == stepsX[slot] * extents[slot] && y[axis] == stepsY[slot] * extents[slot])
            {
                extents[slot] *= extent;
                continue;
            }
            slot--;
            (extents[slot], stepsX[slot], stepsY[slot]) = (extent, x[axis], y[axis]);
        }
        for (int unused = 0; unused < slot; unused++)
        {
            extents[unused] = 1;
        }
        int fastest = FastestAxis(extents, stepsX);
        IsTransposed = fastest != Inner;
        if (IsTransposed)
        {
            (extents[Second], extents[fastest]) = (extents[fastest], extents[Second]);
            (stepsX[Second], stepsX[fastest]) = (stepsX[fastest], stepsX[Second]);
            (stepsY[Second], stepsY[fastest]) = (stepsY[fastest], stepsY[Second]);
            partsPerRow = (extents[Second] + Tile - 1) / Tile;
            Items = extents[0] * extents[1] * partsPerRow;
            ItemsPerChunk = Math.Max(1, ElementsPerChunk / (Tile * extents[Inner]));
        }
        else
        {
            partsPerRow = (extents[Inner] + ElementsPerChunk - 1) / ElementsPerChunk;
            Items = extents[0] * extents[1] * extents[Second] * partsPerRow;
            ItemsPerChunk = Math.Max(1, ElementsPerChunk / extents[Inner]);
        }
    }

    /// <summary>Whether the source's smallest steps are along another axis than the destination's; it is the second innermost.</summary>
    public bool IsTransposed { get; }

    /// <summary>The number of pieces: parts of rows, or strips of tiles of a transposed copy.</summary>
    public int Items { get; }

    public int ItemsPerChunk { get; }

    public int Chunks => (Items + ItemsPerChunk - 1) / ItemsPerChunk;

    /// <summary>The destination's fastest axis.</summary>
    public CopyAxis Row => new(extents[Inner], stepsX[Inner], stepsY[Inner]);

    /// <summary>The next axis; in a transposed copy the source's fastest.</summary>
    public CopyAxis Column => new(extents[Second], stepsX[Second], stepsY[Second]);

    /// <summary>
    /// An item's first element on each side, its length (along the row, in a transposed copy along the column), and how many items from it
    /// on, before <paramref name="end"/>, are whole rows that follow it along the column.
    /// </summary>
    public (int X, int Y, int Length, int Rows) Locate(int item, int end)
    {
        int along = IsTransposed ? Second : Inner, size = IsTransposed ? Tile : ElementsPerChunk, rows = 1;
        int rest = Math.DivRem(item, partsPerRow, out int part);
        int start = part * size, x = start * stepsX[along], y = start * stepsY[along];
        for (int axis = along - 1; axis >= 0; axis--)
        {
            rest = Math.DivRem(rest, extents[axis], out int index);
            x += index * stepsX[axis];
            y += index * stepsY[axis];
            rows = axis == Second && partsPerRow == 1 ? Math.Min(extents[Second] - index, end - item) : rows;
        }
        return (x, y, Math.Min(size, extents[along] - start), rows);
    }

    /// <summary>Writes the axes longer than 1 by growing steps of the destination, and returns how many there are.</summary>
    private static int Sort(Shape shape, Strides y, Span<int> order)
    {
        int count = 0;
        for (int axis = Shape.MaxRank - 1; axis >= 0; axis--)
        {
            if (shape.Aligned[axis] == 1)
            {
                continue;
            }
            int place = count++;
            for (; place > 0 && y[order[place - 1]] > y[axis]; place--)
            {
                order[place] = order[place - 1];
            }
            order[place] = axis;
        }
        return count;
    }

    /// <summary>The axis along which the source has its smallest steps.</summary>
    private static int FastestAxis(Strides extents, Strides steps)
    {
        int fastest = Inner;
        for (int axis = Second; axis >= 0; axis--)
        {
            if (extents[axis] > 1 && steps[axis] > 0 && steps[axis] < steps[fastest])
            {
                fastest = axis;
            }
        }
        return fastest;
    }
}

/// <summary>An axis of a copy: how many elements, and the steps between them on each side.</summary>
internal readonly record struct CopyAxis(int Extent, int StepX, int StepY);
