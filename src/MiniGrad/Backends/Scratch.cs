namespace MiniGrad.Backends;

/// <summary>Memory for the inside of one op; disposing it returns the memory to the pool.</summary>
public readonly struct Scratch<T> : IDisposable
    where T : unmanaged
{
    private readonly BufferPool pool;
    private readonly DeviceBlock block;

    internal unsafe Scratch(BufferPool pool, int length)
    {
        this.pool = pool;
        block = pool.Rent((long)length * sizeof(T));
        Buffer = block.View<T>(length);
    }

    /// <summary>The memory, not initialized.</summary>
    public DeviceBuffer<T> Buffer { get; }

    /// <summary>Returns the memory to the pool.</summary>
    public void Dispose() => pool.Return(block);
}
