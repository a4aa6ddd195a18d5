using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>
/// Keeps a backend's memory for use again, so that a training step after the first asks the system for nothing.
/// </summary>
/// <remarks>
/// Blocks come in size classes, four to each power of two from 64 bytes on, so that at most a fifth of a block is unused. Belongs to one
/// thread at a time, like the tapes that use it.
/// </remarks>
/// <param name="allocator">Where memory comes from.</param>
/// <param name="withTangents">Whether every block is followed by as many bytes again for the tangents of dual numbers.</param>
/// <param name="exactSizes">
/// Whether every block has the very size asked for and is not used again: slow, but with an allocator that guards its blocks, no access
/// outside goes unseen.
/// </param>
public sealed class BufferPool(IDeviceAllocator allocator, bool withTangents = false, bool exactSizes = false) : IDisposable
{
    private const int SmallestLog2 = 6;

    private readonly Stack<DeviceBlock>?[] free = new Stack<DeviceBlock>?[4 * (40 - SmallestLog2)];
    private readonly List<DeviceBlock> all = [];
    private bool disposed;

    /// <summary>Whether every block has the very size asked for.</summary>
    public bool HasExactSizes => exactSizes;

    /// <summary>How many blocks are rented and not yet returned.</summary>
    public int Outstanding { get; private set; }

    /// <summary>How many bytes the pool holds, rented or not.</summary>
    public long BytesReserved { get; private set; }

    /// <summary>A block of at least <paramref name="bytes"/> bytes, not initialized.</summary>
    /// <exception cref="OutOfMemoryException">The device has not so much memory.</exception>
    /// <exception cref="ObjectDisposedException">The backend is disposed.</exception>
    public DeviceBlock Rent(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ThrowIfDisposed();
        int sizeClass = SizeClass(Math.Max(bytes, 1L << SmallestLog2), out long capacity);
        capacity = exactSizes ? Math.Max(bytes, 1) : capacity; // Devices refuse to allocate nothing.
        if (free[sizeClass] is not { } stack || !stack.TryPop(out DeviceBlock? block))
        {
            long total = withTangents ? 2 * capacity : capacity;
            block = new DeviceBlock(Allocate(total), capacity, sizeClass, withTangents);
            BytesReserved += total;
            all.Add(block);
            Poison(block);
        }
        block.IsRented = true;
        Outstanding++;
        return block;
    }

    /// <summary>Takes a block back. Its content may be overwritten from here on; in debug builds it is, with NaN.</summary>
    /// <exception cref="InvalidOperationException">The block is not rented: it was returned twice.</exception>
    public void Return(DeviceBlock block)
    {
        ArgumentNullException.ThrowIfNull(block);
        if (!block.IsRented)
        {
            throw new InvalidOperationException($"A block of {block.Capacity} bytes was returned to the pool twice.");
        }
        block.IsRented = false;
        Outstanding--;
        if (!disposed)
        {
            Poison(block);
        }
        if (!disposed && !exactSizes)
        {
            (free[block.SizeClass] ??= []).Push(block);
        }
    }

    /// <summary>Memory for the inside of one op, returned when the value is disposed.</summary>
    public Scratch<T> RentScratch<T>(int length)
        where T : unmanaged => new(this, length);

    /// <summary>Throws if the memory is gone.</summary>
    /// <exception cref="ObjectDisposedException">The backend is disposed.</exception>
    public void ThrowIfDisposed()
    {
        if (disposed)
        {
            ThrowDisposed();
        }
    }

    /// <summary>
    /// Forgets in which order blocks were returned: from here on, rents get the same blocks as after any other call with the same blocks
    /// rented.
    /// </summary>
    public void Sort()
    {
        foreach (Stack<DeviceBlock>? stack in free)
        {
            stack?.Clear();
        }
        foreach (DeviceBlock block in all)
        {
            if (!block.IsRented && !exactSizes)
            {
                (free[block.SizeClass] ??= []).Push(block);
            }
        }
    }

    /// <summary>Gives the blocks that are not rented back to the device.</summary>
    public void Trim()
    {
        Array.Clear(free);
        for (int i = all.Count - 1; i >= 0; i--)
        {
            if (!all[i].IsRented)
            {
                long total = withTangents ? 2 * all[i].Capacity : all[i].Capacity;
                BytesReserved -= total;
                allocator.Free(all[i].Address, total);
                all.RemoveAt(i);
            }
        }
    }

    /// <summary>Gives all memory back to the device, rented or not.</summary>
    public void Dispose()
    {
        disposed = true;
        foreach (DeviceBlock block in all)
        {
            allocator.Free(block.Address, withTangents ? 2 * block.Capacity : block.Capacity);
        }
        all.Clear();
        Array.Clear(free);
        BytesReserved = 0;
    }

    // Made elsewhere, so that the check becomes part of what calls it.
    [DoesNotReturn]
    private static void ThrowDisposed() => throw new ObjectDisposedException(
        "backend", "The backend is disposed, and its memory with it: keep it longer than its tapes, modules and optimizers.");

    // What is kept for other sizes may be just what is missing for this one.
    private nint Allocate(long bytes)
    {
        try
        {
            return allocator.Allocate(bytes);
        }
        catch (OutOfMemoryException) when (BytesReserved > 0)
        {
            Trim();
            return allocator.Allocate(bytes);
        }
    }

    [Conditional("DEBUG")]
    private void Poison(DeviceBlock block) => allocator.Poison(block.Address, withTangents ? 2 * block.Capacity : block.Capacity);

    /// <summary>The class of the smallest size (4 + k) 2^(e-2), k = 0 to 3, that holds <paramref name="bytes"/>.</summary>
    private static int SizeClass(long bytes, out long capacity)
    {
        int log2 = BitOperations.Log2((ulong)bytes);
        long step = 1L << (log2 - 2);
        int quarter = (int)((bytes - (1L << log2) + step - 1) / step);
        capacity = (4 + quarter) * step;
        return (4 * (log2 - SmallestLog2)) + quarter;
    }
}
