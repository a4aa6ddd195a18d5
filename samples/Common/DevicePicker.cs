using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;
using MiniGrad.Cuda;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Samples;

/// <summary>Makes the backend that <c>--device</c> and <c>--threads</c> ask for.</summary>
public static class DevicePicker
{
    /// <summary>The values of <c>--device</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = ["cpu", "cuda", "auto"];

    /// <summary>The largest value of <c>--threads</c>.</summary>
    public const int MostThreads = 256;

    /// <summary>A backend on the chosen device.</summary>
    /// <param name="device">One of <see cref="Names"/>.</param>
    /// <param name="threads">How many threads a CPU backend uses; 0 takes one per core.</param>
    /// <param name="tf32">Whether a GPU may round the operands of matrix products to TF32.</param>
    /// <exception cref="InputException">The device, the thread count or the forced vector width cannot be had.</exception>
    public static IBackend<T> Create<T>(string device, int threads, bool tf32 = false)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (threads is < 0 or > MostThreads)
        {
            throw new InputException($"--threads {threads}: must be 0 (one per core) to {MostThreads}.");
        }
        Require(device);
        if (device == "cuda" || (device == "auto" && CudaBackend.Refusal() is null))
        {
            return CreateOnGpu<T>(tf32);
        }
        try
        {
            // SimdSupport reads MINIGRAD_SIMD when first used; asked for it here, its refusal comes unwrapped.
            RuntimeHelpers.RunClassConstructor(typeof(SimdSupport).TypeHandle);
            return CpuBackend.Create<T>(threads);
        }
        catch (Exception failure) when ((failure.InnerException ?? failure) is NotSupportedException refusal)
        {
            throw new InputException(refusal.Message);
        }
    }

    /// <summary>Throws unless the device can be had on this machine.</summary>
    /// <exception cref="InputException">It cannot.</exception>
    public static void Require(string device)
    {
        Choices.Require("--device", device, Names);
        if (device == "cuda" && CudaBackend.Refusal() is { } refusal)
        {
            throw new InputException($"--device cuda: {refusal} Use --device cpu, or auto for what there is.");
        }
    }

    /// <summary>The device that was taken and, for <c>auto</c>, why.</summary>
    public static string Describe<T>(string device, IBackend<T> backend)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        device == "auto" ? $"{backend.Name} (auto: {CudaBackend.Refusal() ?? "there is a CUDA device."})" : backend.Name;

    /// <summary>A line on how many of the training steps a GPU launched as graphs; empty for a CPU.</summary>
    public static string DescribeSteps<T>(IBackend<T> backend, long steps)
        where T : unmanaged, IFloatingPointIeee754<T> => CudaBackend.GraphLaunches(backend) is { } launches
            ? $"{launches} of {steps} training steps were launched as graphs\n" : "";

    private static IBackend<T> CreateOnGpu<T>(bool tf32)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        try
        {
            return CudaBackend.Create<T>(new CudaOptions { AllowTf32 = tf32 });
        }
        catch (CudaException failure)
        {
            throw new InputException($"--device cuda: {failure.Message}");
        }
    }
}
