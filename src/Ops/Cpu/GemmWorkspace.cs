namespace MiniGrad.Ops.Cpu;

/// <summary>Memory that a thread keeps from one product to the next, for packed operands.</summary>
internal sealed unsafe class GemmWorkspace
{
    private static readonly NativeAllocator Memory = new();

    [ThreadStatic]
    private static GemmWorkspace? current;

    private static long jobs;

    private nint shared, sums, own;
    private long sharedBytes, sumsBytes, ownBytes;
    private (long Job, int Piece) kept;

    // Runs when the thread is gone and with it the only reference.
    ~GemmWorkspace()
    {
        Memory.Free(shared, sharedBytes);
        Memory.Free(sums, sumsBytes);
        Memory.Free(own, ownBytes);
    }

    private static GemmWorkspace Current => current ??= new GemmWorkspace();

    /// <summary>Memory for what the thread that calls a product packs for all threads. Valid until the next call on this thread.</summary>
    public static T* Shared<T>(nint length)
        where T : unmanaged => (T*)AtLeast(ref Current.shared, ref Current.sharedBytes, (long)length * sizeof(T));

    /// <summary>Memory for sums of parts of a product, beside what is packed. Valid until the next call on this thread.</summary>
    public static T* Sums<T>(nint length)
        where T : unmanaged => (T*)AtLeast(ref Current.sums, ref Current.sumsBytes, (long)length * sizeof(T));

    /// <summary>
    /// Memory for what a thread packs for itself within a chunk, with what it was left with (see <see cref="Keeps"/>). Valid until the next
    /// call on this thread.
    /// </summary>
    public static T* Own<T>(nint length)
        where T : unmanaged
    {
        GemmWorkspace workspace = Current;
        if ((long)length * sizeof(T) > workspace.ownBytes)
        {
            workspace.kept = default;
        }
        return (T*)AtLeast(ref workspace.own, ref workspace.ownBytes, (long)length * sizeof(T));
    }

    /// <summary>A number, never 0, for a job whose chunks may use what the chunk before left in the thread's <see cref="Own"/>.</summary>
    public static long NextJob() => Interlocked.Increment(ref jobs);

    /// <summary>Whether this thread was last asked about this piece of this job, so that its memory still holds what it packed.</summary>
    public static bool Keeps(long job, int piece)
    {
        GemmWorkspace workspace = Current;
        bool isSame = workspace.kept == (job, piece);
        workspace.kept = (job, piece);
        return isSame;
    }

    private static nint AtLeast(ref nint memory, ref long bytes, long wanted)
    {
        if (wanted > bytes)
        {
            Memory.Free(memory, bytes);
            memory = 0;
            bytes = 0;
            memory = Memory.Allocate(wanted);
            bytes = wanted;
        }
        return memory;
    }
}
