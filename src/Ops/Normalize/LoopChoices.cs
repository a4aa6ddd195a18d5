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

/// <summary>What a loop does with the gradient it computes, the three cases of <see cref="GradientSink{T}"/>, as a type.</summary>
internal interface ISinkMode
{
    static abstract bool IsWanted { get; }

    static abstract bool Accumulates { get; }
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
