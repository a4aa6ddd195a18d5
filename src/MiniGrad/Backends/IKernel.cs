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
    /// <summary>
    /// The same kernel in the C++ that device compilers take, where it has one; without it only the processor can run it.
    /// </summary>
    /// <remarks>
    /// It holds <c>struct Arguments</c>, the fields of this struct in their order and with the device's names (<c>Buffer&lt;real&gt;</c>
    /// for a buffer, <c>Sink</c> for a gradient sink, <c>real</c> for T), and
    /// <c>DEVICE void run(const Arguments&amp; k, int first, int end, int chunk)</c>, which a group of threads runs together. The device's
    /// compiler adds the rest: functions of numbers under their names in <see cref="IReal{V, T}"/>, and <c>Team</c>, the threads that
    /// share a row.
    /// </remarks>
    static virtual string? DeviceSource => null;

    /// <summary>
    /// Processes the items <paramref name="first"/> to <paramref name="end"/> - 1, which make up chunk number <paramref name="chunk"/>.
    /// </summary>
    void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>;
}
