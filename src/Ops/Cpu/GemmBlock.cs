using System.Numerics;

namespace MiniGrad.Ops.Cpu;

/// <summary>A block of rows of C, a group of its panels and a range of steps over K.</summary>
internal readonly unsafe struct GemmBlock<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public T* A { get; init; }

    public T* B { get; init; }

    public T* C { get; init; }

    public T* Bias { get; init; }

    /// <summary>Whether C holds something to add to.</summary>
    public bool Add { get; init; }

    public int Step { get; init; }

    public int Depth { get; init; }

    public int FirstTile { get; init; }

    public int EndTile { get; init; }

    public int FirstPanel { get; init; }

    public int EndPanel { get; init; }

    /// <summary>Memory for a packed panel.</summary>
    public T* Room { get; init; }

    /// <summary>Memory for a tile.</summary>
    public T* Spare { get; init; }

    /// <summary>Memory for the block's rows of A, if they are packed.</summary>
    public T* PackedA { get; init; }

    /// <summary>Whether the first panel's tiles are to pack them: the chunk before may have left them.</summary>
    public bool PacksA { get; init; }
}
