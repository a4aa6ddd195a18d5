namespace MiniGrad.Cuda;

/// <summary>How a CUDA backend works.</summary>
public sealed record CudaOptions
{
    /// <summary>The number of the device among those the driver shows (CUDA_VISIBLE_DEVICES decides which).</summary>
    public int Device { get; init; }

    /// <summary>
    /// Whether matrix products of float may round their inputs to TF32 (10 bits of mantissa) to run on tensor cores. NVIDIA_TF32_OVERRIDE=0
    /// in the environment forbids it, 1 forces it.
    /// </summary>
    public bool AllowTf32 { get; init; }

    /// <summary>
    /// Whether to wait after every kernel, so that a fault is reported by the call that caused it; MINIGRAD_CUDA_SYNC=1 does the same.
    /// </summary>
    public bool Synchronous { get; init; } = Environment.GetEnvironmentVariable("MINIGRAD_CUDA_SYNC") == "1";

    /// <summary>
    /// Blocks up to an eighth of this are cut from segments of this size; larger ones, and all if it is 0, are allocated on their own.
    /// </summary>
    public int SegmentBytes { get; init; } = 2 << 20;
}
