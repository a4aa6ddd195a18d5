using System.Runtime.InteropServices;

namespace MiniGrad.Ops.Cpu;

/// <summary>The chunks of a thread that nobody has taken, on a pair of cache lines of its own.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct ChunkRange
{
    // The first chunk in the upper half, the one after the last in the lower, so that both change at once.
    [FieldOffset(128)]
    private long bounds;

    /// <summary>Offers the chunks <paramref name="first"/> to <paramref name="end"/> - 1. Who claims one sees all writes before.</summary>
    public void Publish(int first, int end) => Volatile.Write(ref bounds, ((long)first << 32) | (uint)end);

    /// <summary>Claims the first chunk; -1 if there is none.</summary>
    public int TakeFirst()
    {
        while (true)
        {
            long seen = Volatile.Read(ref bounds);
            int first = (int)(seen >> 32);
            if (first >= (int)seen)
            {
                return -1;
            }
            if (Interlocked.CompareExchange(ref bounds, seen + (1L << 32), seen) == seen)
            {
                return first;
            }
        }
    }

    /// <summary>Claims the last chunk; -1 if there is none.</summary>
    public int TakeLast()
    {
        while (true)
        {
            long seen = Volatile.Read(ref bounds);
            int last = (int)seen - 1;
            if ((int)(seen >> 32) > last)
            {
                return -1;
            }
            if (Interlocked.CompareExchange(ref bounds, seen - 1, seen) == seen)
            {
                return last;
            }
        }
    }
}
