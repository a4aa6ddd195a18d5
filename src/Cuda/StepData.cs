using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>
/// What a step brings to the device, such as images and labels: gathered in pinned memory, sent in one copy before the step's launch, and
/// taken from there by nodes of the graph, which therefore never change.
/// </summary>
/// <remarks>The host has two buffers, so that it can prepare a step while the device still reads the data of the one before.</remarks>
internal sealed unsafe class StepData(CudaDevice device, CudaAllocator allocator) : IDisposable
{
    private const int Alignment = 256, Smallest = 1 << 12;

    private readonly PinnedMemory?[] hosts = new PinnedMemory?[2];
    private readonly EventHandle?[] sent = new EventHandle?[2];
    private nint address;
    private int turn, used, capacity;

    /// <summary>Where it is on the device, once it was sent.</summary>
    public ulong Address => (ulong)address;

    /// <summary>Starts with nothing, in the buffer that was sent longer ago.</summary>
    public void Begin()
    {
        (turn, used) = (1 - turn, 0);
        sent[turn]?.Synchronize();
    }

    /// <summary>Appends a copy of <paramref name="host"/>.</summary>
    /// <returns>Its place.</returns>
    public int Add(ReadOnlySpan<byte> host)
    {
        int offset = used;
        used = checked(used + host.Length + Alignment - 1) / Alignment * Alignment;
        if (used > (hosts[turn]?.Bytes ?? 0))
        {
            Grow(offset);
        }
        host.CopyTo(hosts[turn]!.Span[offset..]);
        return offset;
    }

    /// <summary>Queues the copy to the device.</summary>
    public void Send()
    {
        if (used == 0)
        {
            return;
        }
        PinnedMemory host = hosts[turn]!;
        if (capacity < used)
        {
            Release();
            address = allocator.Allocate(host.Bytes);
            capacity = host.Bytes;
        }
        CudaError.Check(
            Driver.cuMemcpyHtoDAsync_v2(Address, (void*)host.Raw, (nuint)used, device.Stream.Raw), nameof(Driver.cuMemcpyHtoDAsync_v2));
        (sent[turn] ??= new EventHandle(device.Context)).Record(device.Stream);
    }

    public void Dispose()
    {
        for (int i = 0; i < hosts.Length; i++)
        {
            sent[i]?.Dispose();
            hosts[i]?.Dispose(); // The driver waits until no copy uses it.
        }
        Release();
    }

    // Nothing reads this turn's buffer yet: it is not sent before it is complete.
    private void Grow(int filled)
    {
        PinnedMemory larger = new(device.Context, Math.Max(Smallest, checked(used + (used / 2))));
        if (hosts[turn] is { } old)
        {
            old.Span[..filled].CopyTo(larger.Span);
            old.Dispose();
        }
        hosts[turn] = larger;
    }

    private void Release()
    {
        if (capacity > 0)
        {
            allocator.Free(address, capacity);
            capacity = 0;
        }
    }
}
