using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>Whether fused kernels are compiled with padding, zoneout and dropout, or without a trace of them.</summary>
internal interface IMasking
{
    static abstract bool IsPresent { get; }
}

/// <summary>No case is padded and nothing is random.</summary>
internal readonly struct NoMasks : IMasking
{
    public static bool IsPresent => false;
}

/// <summary>Masks may be there.</summary>
internal readonly struct Masks : IMasking
{
    public static bool IsPresent => true;
}

/// <summary>Reads masks: what is absent is 1.</summary>
internal static class MaskReader<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>1 for a case, 0 for padding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Padding(DeviceBuffer<T> padding, int row) => padding.Length == 0 ? V.Splat(T.One) : V.LoadSplat(padding, row);

    /// <summary>Factors from an index on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Factors(DeviceBuffer<T> factors, int i, int count)
    {
        V one = V.Splat(T.One);
        return factors.Length == 0 ? one : V.Load(factors, i, count, one);
    }
}
