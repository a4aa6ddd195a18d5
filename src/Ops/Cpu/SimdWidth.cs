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

    /// <summary>The widths that run here, best first: a list made anew at each call.</summary>
    public static IReadOnlyList<SimdWidth> Supported => Array.FindAll([SimdWidth.Bits512, SimdWidth.Bits256, SimdWidth.Scalar], Has);

    /// <summary>The best width that runs here, or the one that <see cref="OverrideVariable"/> asks for.</summary>
    /// <exception cref="NotSupportedException">The variable asks for something else, or for a width that this processor lacks.</exception>
    public static SimdWidth Default { get; } = Choose(Environment.GetEnvironmentVariable(OverrideVariable));

    /// <summary>Whether a width runs here. 512 does not on processors that slow down when they use it.</summary>
    internal static bool Has(SimdWidth width) => width switch
    {
        SimdWidth.Bits512 => Vector512.IsHardwareAccelerated,
        SimdWidth.Bits256 => Vector256.IsHardwareAccelerated && Fma.IsSupported,
        _ => width == SimdWidth.Scalar,
    };

    private static SimdWidth Choose(string? requested)
    {
        if (string.IsNullOrEmpty(requested))
        {
            return Has(SimdWidth.Bits512) ? SimdWidth.Bits512 : Has(SimdWidth.Bits256) ? SimdWidth.Bits256 : SimdWidth.Scalar;
        }
        SimdWidth width = requested switch
        {
            "scalar" => SimdWidth.Scalar,
            "256" => SimdWidth.Bits256,
            "512" => SimdWidth.Bits512,
            _ => throw new NotSupportedException($"{OverrideVariable} is '{requested}'; it must be scalar, 256 or 512."),
        };
        return Has(width) ? width : throw new NotSupportedException(
            $"{OverrideVariable} asks for {requested}, which this processor lacks; it has {string.Join(", ", Supported)}.");
    }
}
