using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Runs a fused kernel chunk by chunk.</summary>
internal static class KernelLoop<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    public static void Run<TKernel>(WorkerPool workers, in TKernel kernel, int items, int grain)
        where TKernel : unmanaged, IKernel<T> => workers.Run(new Job<TKernel>(kernel, items, grain), (items + grain - 1) / grain);

    private readonly struct Job<TKernel>(TKernel kernel, int items, int grain) : IChunkJob
        where TKernel : unmanaged, IKernel<T>
    {
        public void Run(int chunk) => RunChunk(kernel, chunk * grain, Math.Min(items, (chunk + 1) * grain), chunk);
    }

    // Not inlined: each (kernel, width) gets a method of its own, within the inliner's budget.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RunChunk<TKernel>(TKernel kernel, int first, int end, int chunk)
        where TKernel : unmanaged, IKernel<T> => kernel.Run<V>(first, end, chunk);
}
