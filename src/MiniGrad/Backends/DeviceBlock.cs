namespace MiniGrad.Backends;

/// <summary>A piece of a backend's memory, rented from a <see cref="BufferPool"/> and given back to it.</summary>
public sealed class DeviceBlock
{
    internal DeviceBlock(nint address, long capacity, int sizeClass, bool hasTangents)
    {
        Address = address;
        Capacity = capacity;
        SizeClass = sizeClass;
        HasTangents = hasTangents;
    }

    /// <summary>Where the block starts, in the backend's address space.</summary>
    public nint Address { get; }

    /// <summary>The bytes it holds; at least as many as were asked for.</summary>
    public long Capacity { get; }

    internal int SizeClass { get; }

    internal bool HasTangents { get; }

    internal bool IsRented { get; set; }

    /// <summary>The first <paramref name="length"/> elements of the block.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The block is too small.</exception>
    public unsafe DeviceBuffer<T> View<T>(int length)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)length * sizeof(T), Capacity);
        return new DeviceBuffer<T>(Address, length, HasTangents ? checked((int)(Capacity / sizeof(T))) : 0);
    }
}
