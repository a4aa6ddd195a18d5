using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>Memory that a tape rents until its reset.</summary>
/// <remarks>
/// Small arrays are cut from shared blocks, one after the other: renting and returning a block each would cost more than a tiny op.
/// </remarks>
internal sealed class TapeMemory(BufferPool pool)
{
    private const int BytesOfSharedBlock = 1 << 16;
    private const int MostSharedBytes = 1 << 12;

    // A cache line, which is also the widest vector.
    private const int Alignment = 64;

    private readonly List<DeviceBlock> blocks = [];
    private DeviceBuffer<byte> shared;
    private int used;

    /// <summary>Room for <paramref name="length"/> elements, not initialized.</summary>
    public DeviceBuffer<T> Rent<T>(int length)
        where T : unmanaged
    {
        long bytes = (long)length * Unsafe.SizeOf<T>();
        if (bytes > MostSharedBytes || pool.HasExactSizes)
        {
            return NewBlock(bytes).View<T>(length);
        }
        pool.ThrowIfDisposed();
        int room = ((int)bytes + Alignment - 1) & -Alignment;
        if (room > shared.Length - used)
        {
            shared = NewBlock(BytesOfSharedBlock).View<byte>(BytesOfSharedBlock);
            used = 0;
        }
        DeviceBuffer<T> piece = new(shared.Address + used, length, shared.TangentDistance / Unsafe.SizeOf<T>());
        used += room;
        return piece;
    }

    /// <summary>Returns all of it to the pool.</summary>
    public void Clear()
    {
        foreach (DeviceBlock block in blocks)
        {
            pool.Return(block);
        }
        blocks.Clear();
        shared = default;
        used = 0;
    }

    private DeviceBlock NewBlock(long bytes)
    {
        DeviceBlock block = pool.Rent(bytes);
        blocks.Add(block);
        return block;
    }
}
