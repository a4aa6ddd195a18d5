using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniGrad;

/// <summary>
/// The extents of a row-major array: none for a scalar, at most four. Every extent is at least 1.
/// </summary>
/// <remarks>
/// Extents are kept right-aligned and padded with ones, which is how broadcasting aligns them: two shapes fit
/// when, slot by slot, the extents are equal or one of them is 1.
/// </remarks>
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The largest number of axes.</summary>
    public const int MaxRank = 4;

    private readonly Extents aligned;

    /// <summary>Creates the shape with these <paramref name="extents"/>, outermost first.</summary>
    /// <exception cref="ArgumentException">More than four extents, one below 1, or over 2^31-1 elements in all.</exception>
    public Shape(params ReadOnlySpan<int> extents)
    {
        if (extents.Length > MaxRank)
        {
            throw new ArgumentException($"A shape has at most {MaxRank} extents, not {extents.Length}: merge axes with Reshape first.");
        }
        ((Span<int>)aligned).Fill(1);
        Rank = extents.Length;
        long count = 1;
        for (int axis = 0; axis < extents.Length; axis++)
        {
            if (extents[axis] < 1)
            {
                throw new ArgumentException($"Extent {axis} of a shape is {extents[axis]}: every extent is at least 1.");
            }
            aligned[MaxRank - Rank + axis] = extents[axis];
            count *= extents[axis];
            if (count > int.MaxValue)
            {
                throw new ArgumentException(
                    $"A tensor holds at most {int.MaxValue} elements; the shape ({string.Join(", ", extents.ToArray())}) asks for more.");
            }
        }
        ElementCount = (int)count;
    }

    /// <summary>The shape of a single number.</summary>
    public static Shape Scalar { get; } = new([]);

    /// <summary>The number of axes, 0 to 4.</summary>
    public int Rank { get; }

    /// <summary>The product of the extents; 1 for a scalar.</summary>
    public int ElementCount { get; }

    /// <summary>The extent of <paramref name="axis"/>; negative axes count from the end, as in NumPy.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such axis.</exception>
    public int this[int axis] => aligned[MaxRank - Rank + NormalizeAxis(axis)];

    /// <summary>The extents right-aligned to four and padded in front with ones, as kernels and broadcasting see them.</summary>
    [UnscopedRef]
    public ReadOnlySpan<int> Aligned => aligned;

    /// <summary>Copies the extents to a new array, outermost first.</summary>
    public int[] ToArray() => Aligned[(MaxRank - Rank)..].ToArray();

    /// <summary>Turns an axis counted from the end (-1 is the last) into one counted from the front.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such axis.</exception>
    public int NormalizeAxis(int axis)
    {
        if (axis < -Rank || axis >= Rank)
        {
            throw new ArgumentOutOfRangeException(
                nameof(axis), axis, $"A tensor of shape {this} has {Rank} axes; use {-Rank} to {Rank - 1}.");
        }
        return axis < 0 ? axis + Rank : axis;
    }

    /// <summary>This shape with the extent of one axis replaced.</summary>
    public Shape With(int axis, int extent)
    {
        Span<int> extents = stackalloc int[Rank];
        Aligned[(MaxRank - Rank)..].CopyTo(extents);
        extents[NormalizeAxis(axis)] = extent;
        return new Shape(extents);
    }

    /// <summary>The shape that two operands broadcast to, by NumPy's rule.</summary>
    /// <exception cref="ArgumentException">On some aligned axis the extents differ and neither is 1.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Shape Broadcast(in Shape a, in Shape b, string op) => a.Equals(b) ? a : BroadcastUnequal(a, b, op);

    private static Shape BroadcastUnequal(in Shape a, in Shape b, string op)
    {
        Span<int> extents = stackalloc int[MaxRank];
        for (int slot = 0; slot < MaxRank; slot++)
        {
            int ea = a.aligned[slot], eb = b.aligned[slot];
            if (ea != eb && ea != 1 && eb != 1)
            {
                throw new ArgumentException(
                    $"{op}: shapes {a} and {b} do not broadcast: axis {slot - MaxRank} has extents {ea} and {eb}. " +
                    "Make them equal, or one of them 1 (Reshape adds axes of extent 1).");
            }
            extents[slot] = Math.Max(ea, eb);
        }
        return new Shape(extents[(MaxRank - Math.Max(a.Rank, b.Rank))..]);
    }

    /// <summary>Whether both have the same rank and extents.</summary>
    public bool Equals(Shape other) => Rank == other.Rank && aligned.Lanes == other.aligned.Lanes;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, aligned[0], aligned[1], aligned[2], aligned[3]);

    /// <summary>Whether both have the same rank and extents.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether rank or an extent differs.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>The extents as NumPy prints them: <c>(3, 5)</c>, <c>(7,)</c>, <c>()</c>.</summary>
    public override string ToString() => Rank == 1 ? $"({this[0]},)" : $"({string.Join(", ", ToArray())})";

    [InlineArray(MaxRank)]
    private struct Extents
    {
        private int first;

        public readonly Vector128<int> Lanes => Vector128.LoadUnsafe(in first);
    }
}
