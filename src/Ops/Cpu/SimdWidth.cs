using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MiniGrad.Ops.Cpu;

/// <summary>How wide the CPU backend's vectors are.</summary>
public enum SimdWidth
{
    /// <summary>One number at a time, on any processor.</summary>
    Scalar = 1,

    /// <summary>256 bits: AVX2 and FMA.</summary>
    Bits256 = 256,

    /// <summary>512 bits: AVX-512.</summary>
    Bits512 = 512,
}

/// <summary>Which widths this processor has.</summary>
public static class SimdSupport
{
    /// <summary>The environment variable that forces a width: <c>scalar</c>, <c>256</c> or <c>512</c>.</summary>
    public const string OverrideVariable = "MINIGRAD_SIMD";

    /// <summary>The widths that run here, best first. 512 is left out on processors that slow down when they use it.</summary>
    public static IReadOnlyList<SimdWidth> Supported { get; } =
    [
        .. Vector512.IsHardwareAccelerated ? [SimdWidth.Bits512] : Array.Empty<SimdWidth>(),
        .. Vector256.IsHardwareAccelerated && Fma.IsSupported ? [SimdWidth.Bits256] : Array.Empty<SimdWidth>(),
        SimdWidth.Scalar,
    ];

    /// <summary>The best width that runs here, or the one that <see cref="OverrideVariable"/> asks for.</summary>
    /// <exception cref="NotSupportedException">The variable asks for something else, or for a width that this processor lacks.</exception>
    public static SimdWidth Default { get; } = Choose(Environment.GetEnvironmentVariable(OverrideVariable));

    private static SimdWidth Choose(string? requested)
    {
        if (string.IsNullOrEmpty(requested))
        {
            return Supported[0];
        }
        SimdWidth width = requested switch
        {
            "scalar" => SimdWidth.Scalar,
            "256" => SimdWidth.Bits256,
            "512" => SimdWidth.Bits512,
            _ => throw new NotSupportedException($"{OverrideVariable} is '{requested}'; it must be scalar, 256 or 512."),
        };
        return Supported.Contains(width) ? width : throw new NotSupportedException(
            $"{OverrideVariable} asks for {requested}, which this processor lacks; it has {string.Join(", ", Supported)}.");
    }
}
