using System.Numerics;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>Something that a step queues: it can be queued again, and be a node of a graph.</summary>
internal abstract class StepCommand
{
    /// <summary>Queues it.</summary>
    public abstract void Issue(CudaDevice device);

    /// <summary>Tells the node of an instantiated graph what has changed since the last launch.</summary>
    public virtual void Renew(nint executable)
    {
    }
}

/// <summary>A launch; its arguments may change.</summary>
internal sealed unsafe class KernelCommand(in Kernel kernel, uint blocks, uint threads, ReadOnlySpan<byte> arguments) : StepCommand
{
    private readonly Kernel kernel = kernel;
    private readonly byte[] arguments = arguments.ToArray();
    private bool changed;

    /// <summary>The graph's node.</summary>
    public nint Node { get; set; }

    /// <summary>Whether this is the same launch but for its arguments, which it then takes over.</summary>
    public bool Takes(in Kernel other, uint otherBlocks, uint otherThreads, ReadOnlySpan<byte> otherArguments)
    {
        if (other.Function != kernel.Function || otherBlocks != blocks || otherThreads != threads ||
            otherArguments.Length != arguments.Length)
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
        changed = false;
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
internal sealed class ProductCommand<T>(CudaGemm<T> gemm, in Product<T> product) : StepCommand
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public Product<T> Product { get; } = product;

    public override void Issue(CudaDevice device) => gemm.Issue(Product);
}

/// <summary>A copy to its place of what the step brought to the device.</summary>
internal sealed class UploadCommand(StepData data, int offset, int bytes, nint to) : StepCommand
{
    /// <summary>Whether it copies as much to the same place.</summary>
    public bool Takes(int otherBytes, nint otherTo) => otherBytes == bytes && otherTo == to;

    public override void Issue(CudaDevice device) => CudaError.Check(
        Driver.cuMemcpyDtoDAsync_v2((ulong)to, data.Address + (ulong)offset, (nuint)bytes, device.Stream.Raw),
        nameof(Driver.cuMemcpyDtoDAsync_v2));
}
