using System.Numerics;

namespace MiniGrad.Ops.Cpu;

/// <summary>Rows of A that meet a panel of B: where they are, in whatever order they are stored.</summary>
internal readonly unsafe struct RowsOfA<T>(T* first, nint rowStride, nint stepStride)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The first row's number for the first step over K.</summary>
    public readonly T* First = first;

    /// <summary>Elements from one row to the next.</summary>
    public readonly nint RowStride = rowStride;

    /// <summary>Elements from one step to the next.</summary>
    public readonly nint StepStride = stepStride;
}

/// <summary>Where a tile of C goes, and what is added to it.</summary>
internal readonly unsafe struct Tile<T>(T* c, nint rowStride, int columns, T* bias, T alpha, bool add, T* spare, bool isFar = false)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The tile's first element.</summary>
    public readonly T* C = c;

    /// <summary>Elements from one row of C to the next.</summary>
    public readonly nint RowStride = rowStride;

    /// <summary>How many of the tile's columns are in C: the others come from padding and are dropped.</summary>
    public readonly int Columns = columns;

    /// <summary>What to add to each row, or null.</summary>
    public readonly T* Bias = bias;

    /// <summary>The factor of the product.</summary>
    public readonly T Alpha = alpha;

    /// <summary>Whether to add to C instead of assigning.</summary>
    public readonly bool Add = add;

    /// <summary>Room for the sums of a tile that cannot go to C as they are.</summary>
    public readonly T* Spare = spare;

    /// <summary>Whether the tile comes from far memory, and should be asked for before its sums are complete.</summary>
    public readonly bool IsFar = isFar;
}

/// <summary>A panel of B, and what is asked for meanwhile to have it near when its turn comes.</summary>
internal readonly unsafe struct Panel<T>(T* b, nint stride, T* copy = null, T* ahead = null, nint aheadStride = 0, bool isFar = false)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The first step's numbers.</summary>
    public readonly T* B = b;

    /// <summary>Elements from one step to the next.</summary>
    public readonly nint Stride = stride;

    /// <summary>Where to put what is read, one step after the other, for the tiles that follow; null for nowhere.</summary>
    public readonly T* Copy = copy;

    /// <summary>Where every other step asks for a cache line; null for nowhere.</summary>
    public readonly T* Ahead = ahead;

    /// <summary>Elements from one such line to the next.</summary>
    public readonly nint AheadStride = aheadStride;

    /// <summary>Whether its rows, apart in memory, must be asked for before their turn: the processor foresees only what is next.</summary>
    public readonly bool IsFar = isFar;
}

/// <summary>What is done with a panel of B besides multiplying by it; as a type, so that the loop has no branch.</summary>
internal interface IPanelUse
{
    static abstract bool Copies { get; }

    static abstract bool Fetches { get; }

    static abstract bool Strides { get; }
}

/// <summary>Nothing.</summary>
internal readonly struct Reading : IPanelUse
{
    public static bool Copies => false;

    public static bool Fetches => false;

    public static bool Strides => false;
}

/// <summary>Its numbers are copied for the tiles that follow.</summary>
internal readonly struct Copying : IPanelUse
{
    public static bool Copies => true;

    public static bool Fetches => false;

    public static bool Strides => false;
}

/// <summary>What comes after it is asked for.</summary>
internal readonly struct Fetching : IPanelUse
{
    public static bool Copies => false;

    public static bool Fetches => true;

    public static bool Strides => false;
}

/// <summary>Its own rows of later steps are asked for.</summary>
internal readonly struct Striding : IPanelUse
{
    public static bool Copies => false;

    public static bool Fetches => false;

    public static bool Strides => true;
}
