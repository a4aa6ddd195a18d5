using System.Runtime.InteropServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>The machine's own memory, aligned to a cache line.</summary>
internal sealed unsafe class NativeAllocator : IDeviceAllocator
{
    private const int Alignment = 64;

    public nint Allocate(long bytes)
    {
        try
        {
            return (nint)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
        }
        catch (OutOfMemoryException)
        {
            throw new InsufficientMemoryException($"The machine refused {bytes} bytes of memory. Use a smaller model or batch.");
        }
    }

    public void Free(nint address, long bytes) => NativeMemory.AlignedFree((void*)address);

    public void Poison(nint address, long bytes) => NativeMemory.Fill((void*)address, (nuint)bytes, 0xFF);
}
