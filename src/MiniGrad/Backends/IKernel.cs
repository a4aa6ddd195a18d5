using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>
/// A fused kernel over independent items, such as the rows of a layer norm. Its fields are its arguments: buffers, extents and constants.
/// </summary>
/// <remarks>
/// Items are handed out in chunks whose bounds depend on the shape alone, never on the number of threads. A kernel that sums over items
/// writes one partial sum per chunk, to be added in order afterwards, and never adds into memory that two chunks share.
/// </remarks>
public interface IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The same kernel in CUDA C, where it has one.</summary>
    static virtual string? CudaSource => null;

    /// <summary>Processes the items <paramref name="first"/> to <paramref name="end"/> - 1, which make up chunk number <paramref name="chunk"/>.</summary>
    void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>;
}
