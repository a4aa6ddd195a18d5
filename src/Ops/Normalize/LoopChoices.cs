using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>A choice made before a loop, as a type: the compiler makes a loop for each answer, and none tests it.</summary>
internal interface IChoice
{
    static abstract bool IsMade { get; }
}

internal readonly struct Yes : IChoice
{
    public static bool IsMade => true;
}

internal readonly struct No : IChoice
{
    public static bool IsMade => false;
}

/// <summary>
/// What a loop does with the result or gradient it computes, as a type: the three cases of <see cref="GradientSink{T}"/> and how to assign.
/// </summary>
internal interface ISinkMode
{
    static abstract bool IsWanted { get; }

    static abstract bool Accumulates { get; }

    /// <summary>See <see cref="Streaming"/>.</summary>
    static virtual bool Streams => false;
}

internal readonly struct Unwanted : ISinkMode
{
    public static bool IsWanted => false;

    public static bool Accumulates => false;
}

internal readonly struct Assigned : ISinkMode
{
    public static bool IsWanted => true;

    public static bool Accumulates => false;
}

internal readonly struct Streamed : ISinkMode
{
    public static bool IsWanted => true;

    public static bool Accumulates => false;

    public static bool Streams => true;
}

internal readonly struct Added : ISinkMode
{
    public static bool IsWanted => true;

    public static bool Accumulates => true;
}

internal static class SinkMode<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>What a sum starts from: what is there, or 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Start<TMode>(DeviceBuffer<T> buffer, nint i, int count)
        where TMode : ISinkMode => TMode.Accumulates ? V.Load(buffer, i, count, V.Splat(T.Zero)) : V.Splat(T.Zero);

    /// <summary>
    /// Writes the first <paramref name="count"/> lanes. Whole vectors must be aligned if TMode streams; <paramref name="value"/> fills
    /// lanes that are added to nothing.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TMode>(V value, DeviceBuffer<T> buffer, nint i, int count)
        where TMode : ISinkMode
    {
        if (TMode.Streams && count >= V.Width)
        {
            V.StoreNonTemporal(value, buffer, i);
        }
        else
        {
            V.Store(TMode.Accumulates ? value + V.Load(buffer, i, count, value) : value, buffer, i, count);
        }
    }
}

internal static class GradientSinkExtensions
{
    /// <summary>Writes, or adds, what a kernel found for some elements; nothing if nobody wants it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T, V>(this GradientSink<T> sink, V value, int i, int count)
        where T : unmanaged, IFloatingPointIeee754<T>
        where V : struct, ISimd<V, T>
    {
        if (sink.IsWanted)
        {
            V.Store(sink.Accumulate ? value + V.Load(sink.Buffer, i, count, value) : value, sink.Buffer, i, count);
        }
    }
}
