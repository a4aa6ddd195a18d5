using System.Runtime.InteropServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>The machine's own memory, aligned to a cache line; large blocks in huge pages where the system has them (Linux).</summary>
internal sealed unsafe partial class NativeAllocator : IDeviceAllocator
{
    private const int Alignment = 64;
    private const int HugePage = 2 << 20;
    private const int AdviseHugePages = 14; // MADV_HUGEPAGE

    public nint Allocate(long bytes)
    {
        try
        {
            if (bytes < HugePage || !OperatingSystem.IsLinux())
            {
                return (nint)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            }
            // A training step streams through all weights: in pages of 4 KiB it spends its time on looking up addresses. What is left of
            // the last page is given away for the same reason, since a part of a huge page is made of small ones.
            nuint whole = ((nuint)bytes + HugePage - 1) / HugePage * HugePage;
            nint address = (nint)NativeMemory.AlignedAlloc(whole, HugePage);
            _ = Advise(address, whole, AdviseHugePages); // Where it is refused, pages stay small.
            return address;
        }
        catch (OutOfMemoryException)
        {
            throw new InsufficientMemoryException($"The machine refused {bytes} bytes of memory. Use a smaller model or batch.");
        }
    }

    public void Free(nint address, long bytes) => NativeMemory.AlignedFree((void*)address);

    public void Poison(nint address, long bytes) => NativeMemory.Fill((void*)address, (nuint)bytes, 0xFF);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint bytes, int advice);
}
