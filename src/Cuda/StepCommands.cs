using System.Numerics;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>Something that a step queues: it can be queued again, and be a node of a graph.</summary>
internal abstract class StepCommand : IDisposable
{
    /// <summary>The graph's node.</summary>
    public nint Node { get; set; }

    /// <summary>Queues it.</summary>
    public abstract void Issue(CudaDevice device);

    /// <summary>Gives the node of an instantiated graph what has changed since.</summary>
    public virtual void Renew(nint executable)
    {
    }

    public virtual void Dispose()
    {
    }
}

/// <summary>A launch; its arguments may change.</summary>
internal sealed unsafe class KernelCommand(Kernel kernel, uint blocks, uint threads, ReadOnlySpan<byte> arguments) : StepCommand
{
    private readonly Kernel kernel = kernel;
    private readonly byte[] arguments = arguments.ToArray();
    private bool changed;

    /// <summary>Whether this is the same launch but for its arguments, which it then takes over.</summary>
    public bool Takes(in Kernel other, uint otherBlocks, uint otherThreads, ReadOnlySpan<byte> otherArguments)
    {
        if (other.Function != kernel.Function || otherBlocks != blocks || otherThreads != threads || otherArguments.Length != arguments.Length)
        {
            return false;
        }
        if (!otherArguments.SequenceEqual(arguments))
        {
            otherArguments.CopyTo(arguments);
            changed = true;
        }
        return true;
    }

    public override void Issue(CudaDevice device)
    {
        fixed (byte* pointer = arguments)
        {
            void* argument = pointer;
            int code = Driver.cuLaunchKernel(kernel.Function, blocks, 1, 1, threads, 1, 1, 0, device.Stream.Raw, &argument, null);
            if (code != 0)
            {
                throw CudaError.Driver(code, $"{nameof(Driver.cuLaunchKernel)} of {kernel.Name}");
            }
        }
    }

    public override void Renew(nint executable)
    {
        if (!changed)
        {
            return;
        }
        fixed (byte* pointer = arguments)
        {
            void* argument = pointer;
            KernelNode node = new()
            {
                Function = kernel.Function,
                GridX = blocks,
                GridY = 1,
                GridZ = 1,
                BlockX = threads,
                BlockY = 1,
                BlockZ = 1,
                Arguments = &argument,
            };
            CudaError.Check(
                Driver.cuGraphExecKernelNodeSetParams(executable, Node, &node), nameof(Driver.cuGraphExecKernelNodeSetParams));
        }
        changed = false;
    }
}

/// <summary>A product of matrices; all of it is part of the graph.</summary>
internal sealed class ProductCommand<T>(CudaGemm<T> gemm, Product<T> product) : StepCommand
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public Product<T> Product { get; } = product;

    public override void Issue(CudaDevice device) => gemm.Issue(Product);
}

/// <summary>A copy from pinned memory of its own, in which each step puts its data.</summary>
internal sealed unsafe class UploadCommand(PinnedMemory memory, nint to) : StepCommand
{
    public PinnedMemory Memory { get; } = memory;

    public nint To { get; } = to;

    public override void Issue(CudaDevice device) => CudaError.Check(
        Driver.cuMemcpyHtoDAsync_v2((ulong)To, (void*)Memory.Raw, (nuint)Memory.Bytes, device.Stream.Raw), nameof(Driver.cuMemcpyHtoDAsync_v2));

    /// <summary>Waits for the copy and frees the memory, where the command is used once.</summary>
    public void Finish(CudaDevice device)
    {
        device.Synchronize();
        Dispose();
    }

    public override void Dispose()
    {
        base.Dispose();
        Memory.Dispose();
    }
}
