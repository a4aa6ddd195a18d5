using System.Runtime.InteropServices;

namespace MiniGrad.Ops.Cpu;

/// <summary>Memory that a thread keeps from one product to the next, for packed operands.</summary>
internal sealed unsafe class GemmWorkspace
{
    private const int Alignment = 64;

    [ThreadStatic]
    private static GemmWorkspace? current;

    private void* shared, own;
    private nuint sharedBytes, ownBytes;

    // Runs when the thread is gone and with it the only reference.
    ~GemmWorkspace()
    {
        NativeMemory.AlignedFree(shared);
        NativeMemory.AlignedFree(own);
    }

    private static GemmWorkspace Current => current ??= new GemmWorkspace();

    /// <summary>Memory for what the thread that calls a product packs for all threads. Valid until the next call on this thread.</summary>
    public static T* Shared<T>(nint length)
        where T : unmanaged => (T*)AtLeast(ref Current.shared, ref Current.sharedBytes, (nuint)length * (nuint)sizeof(T));

    /// <summary>Memory for what a thread packs for itself within a chunk. Valid until the next call on this thread.</summary>
    public static T* Own<T>(nint length)
        where T : unmanaged => (T*)AtLeast(ref Current.own, ref Current.ownBytes, (nuint)length * (nuint)sizeof(T));

    private static void* AtLeast(ref void* memory, ref nuint bytes, nuint wanted)
    {
        if (wanted > bytes)
        {
            NativeMemory.AlignedFree(memory);
            memory = null;
            bytes = 0;
            memory = NativeMemory.AlignedAlloc(wanted, Alignment);
            bytes = wanted;
        }
        return memory;
    }
}
