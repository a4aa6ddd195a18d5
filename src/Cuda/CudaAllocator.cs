using MiniGrad.Backends;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>
/// Device memory for the backend's pool. Small blocks are cut from segments, since the driver hands out no less than 2 MiB; a segment goes
/// back when all its blocks have. The pool keeps blocks for use again, and one stream makes a block reusable at once.
/// </summary>
internal sealed unsafe class CudaAllocator(CudaDevice device, int segmentBytes) : IDeviceAllocator
{
    private const int Alignment = 256;

    private readonly Dictionary<nint, Segment> segmentOf = [];
    private Segment? current;
    private long reserved;

    public nint Allocate(long bytes)
    {
        device.MakeCurrent();
        long size = Math.Max(bytes + Alignment - 1, 1) / Alignment * Alignment;
        if (size > segmentBytes / 8)
        {
            return (nint)AllocateFromDriver(Math.Max(bytes, 1));
        }
        if (current is null || current.Used + size > segmentBytes)
        {
            current = new Segment(AllocateFromDriver(segmentBytes));
        }
        nint address = (nint)current.Start + (nint)current.Used;
        current.Used += size;
        current.Live++;
        segmentOf.Add(address, current);
        return address;
    }

    public void Free(nint address, long bytes)
    {
        device.MakeCurrent();
        if (!segmentOf.Remove(address, out Segment? segment))
        {
            FreeToDriver((ulong)address, Math.Max(bytes, 1));
        }
        else if (--segment.Live == 0)
        {
            current = current == segment ? null : current;
            FreeToDriver(segment.Start, segmentBytes);
        }
    }

    public void Poison(nint address, long bytes)
    {
        if (device.Steps is { IsActive: true })
        {
            return; // It would be one more command for each block, and debug builds show what they have to without graphs.
        }
        device.MakeCurrent();
        CudaError.Check(
            Driver.cuMemsetD8Async((ulong)address, 0xFF, (nuint)bytes, device.Stream.Raw), nameof(Driver.cuMemsetD8Async));
    }

    private ulong AllocateFromDriver(long bytes)
    {
        ulong pointer;
        int code = Driver.cuMemAlloc_v2(&pointer, (nuint)bytes);
        if (code == CudaError.OutOfMemory)
        {
            (long free, long total) = device.Memory();
            throw new InsufficientMemoryException(
                $"The GPU refused {bytes} bytes of memory: {free} of its {total} bytes are free, and this backend holds {reserved}. " +
                "Use a smaller model or batch.");
        }
        CudaError.Check(code, nameof(Driver.cuMemAlloc_v2));
        reserved += bytes;
        return pointer;
    }

    private void FreeToDriver(ulong pointer, long bytes)
    {
        reserved -= bytes;
        device.Steps?.Flush(); // What a step holds back may use it.
        _ = Driver.cuMemFree_v2(pointer); // It fails after a kernel's fault, which any other call reports as well.
    }

    private sealed class Segment(ulong start)
    {
        public ulong Start { get; } = start;

        public long Used { get; set; }

        public int Live { get; set; }
    }
}
