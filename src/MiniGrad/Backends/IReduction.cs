using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>An associative way to combine numbers.</summary>
public interface IReduction<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>What changes nothing when combined: 0 for a sum.</summary>
    static abstract T Identity { get; }

    /// <summary>The combination of two partial results.</summary>
    V Combine<V>(V a, V b)
        where V : struct, IReal<V, T>;

    /// <summary>The combination of all lanes, in every lane.</summary>
    V Across<V>(V lanes)
        where V : struct, ISimd<V, T>;
}

/// <summary>Adds.</summary>
public readonly struct SumReduction<T> : IReduction<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public static T Identity => T.Zero;

    /// <inheritdoc/>
    public V Combine<V>(V a, V b)
        where V : struct, IReal<V, T> => a + b;

    /// <inheritdoc/>
    public V Across<V>(V lanes)
        where V : struct, ISimd<V, T> => V.Sum(lanes);
}

/// <summary>Takes the largest; NaN if there is one.</summary>
public readonly struct MaxReduction<T> : IReduction<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public static T Identity => T.NegativeInfinity;

    /// <inheritdoc/>
    public V Combine<V>(V a, V b)
        where V : struct, IReal<V, T> => V.Max(a, b);

    /// <inheritdoc/>
    public V Across<V>(V lanes)
        where V : struct, ISimd<V, T> => V.MaxAcross(lanes);
}

/// <summary>
/// The arguments of <see cref="IBackend{T}.Reduce"/>: the middle axis of x, seen as [Outer, Length, Inner], is combined away.
/// </summary>
/// <param name="X">The elements, [Outer, Length, Inner].</param>
/// <param name="Y">The result, [Outer, Inner].</param>
/// <param name="Outer">The product of the extents before the axis.</param>
/// <param name="Length">The extent of the axis.</param>
/// <param name="Inner">The product of the extents after the axis.</param>
/// <param name="Scale">What the combination is multiplied by: 1/n makes a sum a mean.</param>
/// <param name="Accumulate">Whether to add the result to y instead of assigning it.</param>
public readonly record struct ReduceCall<T>(
    DeviceBuffer<T> X, DeviceBuffer<T> Y, int Outer, int Length, int Inner, T Scale, bool Accumulate)
    where T : unmanaged, IFloatingPointIeee754<T>;
