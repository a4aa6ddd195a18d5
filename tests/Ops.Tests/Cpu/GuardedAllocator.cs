using System.Runtime.InteropServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Tests.Cpu;

/// <summary>Which end of a block lies against memory that must not be touched.</summary>
public enum GuardSide
{
    Before,
    After,
}

/// <summary>
/// Puts every block against a page without access rights: reading or writing one element too far ends the process. What is left of the
/// block's own
/// pages on the other side, and the block itself, hold NaN.
/// </summary>
internal sealed unsafe partial class GuardedAllocator(GuardSide side) : IDeviceAllocator
{
    private const int NoAccess = 0, ReadWrite = 3, PrivateAnonymous = 0x22;

    private static readonly long Page = Environment.SystemPageSize;

    /// <summary>The flags above are Linux's.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux();

    public nint Allocate(long bytes)
    {
        long room = Room(bytes);
        nint start = Map(0, (nuint)(room + (2 * Page)), NoAccess, PrivateAnonymous, -1, 0);
        if (start == -1 || Protect(start + (nint)Page, (nuint)room, ReadWrite) != 0)
        {
            throw new InsufficientMemoryException($"The system refused {room} bytes of memory with guards.");
        }
        Poison(start + (nint)Page, room);
        return start + (nint)(side == GuardSide.Before ? Page : Page + room - bytes);
    }

    public void Free(nint address, long bytes)
    {
        long room = Room(bytes);
        nint start = address - (nint)(side == GuardSide.Before ? Page : Page + room - bytes);
        if (Unmap(start, (nuint)(room + (2 * Page))) != 0)
        {
            throw new InvalidOperationException($"The system has no mapping at {start}.");
        }
    }

    public void Poison(nint address, long bytes) => NativeMemory.Fill((void*)address, (nuint)bytes, 0xFF);

    private static long Room(long bytes) => (bytes + Page - 1) / Page * Page;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint length);
}
