using System.Diagnostics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Bounds checks of kernels' memory accesses, in debug builds only.</summary>
internal static class Bounds
{
    [Conditional("DEBUG")]
    public static void Check<T>(DeviceBuffer<T> buffer, nint index, int count)
        where T : unmanaged
    {
        if (index < 0 || index + count > buffer.Length)
        {
            throw new InvalidOperationException(
                $"A kernel touched elements {index} to {index + count - 1} of a buffer of {buffer.Length}.");
        }
    }
}
