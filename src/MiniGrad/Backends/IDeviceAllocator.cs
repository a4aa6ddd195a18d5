namespace MiniGrad.Backends;

/// <summary>Where a <see cref="BufferPool"/> gets its memory: the machine's own or a device's.</summary>
public interface IDeviceAllocator
{
    /// <summary>Reserves memory, aligned to at least 64 bytes.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much; the message says how many bytes were asked for.</exception>
    nint Allocate(long bytes);

    /// <summary>Gives back what <see cref="Allocate"/> returned.</summary>
    void Free(nint address, long bytes);

    /// <summary>Overwrites memory with bytes 0xFF, which read as NaN. Debug builds do this to what is given back to a pool.</summary>
    void Poison(nint address, long bytes);
}
