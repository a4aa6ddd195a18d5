using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>
/// What a device must do to run every op: a closed set of kernel families. An op is a formula handed to one of them, so that a
/// new op adds nothing here and a new backend needs no op.
/// </summary>
/// <remarks>
/// Elementwise formulas (<see cref="Map"/>, <see cref="Zip"/>, <see cref="Update"/>) are written once, generic over their number type.
/// Whatever needs more than that, such as a normalization, is a fused kernel for <see cref="Run"/>. Results never depend on the number of
/// threads. Calls return before a device has finished; <see cref="Download"/> waits.
/// </remarks>
public interface IBackend<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>What runs the kernels, for reports: device, vector width and threads.</summary>
    string Name { get; }

    /// <summary>The backend's memory.</summary>
    BufferPool Pool { get; }

    /// <summary>Copies host data to the device.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    void Upload<TElement>(ReadOnlySpan<TElement> host, DeviceBuffer<TElement> buffer)
        where TElement : unmanaged;

    /// <summary>Copies device data to the host, after all work before it is done.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    void Download<TElement>(DeviceBuffer<TElement> buffer, Span<TElement> host)
        where TElement : unmanaged;

    /// <summary>y = value, everywhere.</summary>
    void Fill(DeviceBuffer<T> y, T value);

    /// <summary>y = f(x), element by element.</summary>
    void Map<TOp>(TOp op, DeviceBuffer<T> x, DeviceBuffer<T> y)
        where TOp : unmanaged, IUnaryOp<T>;

    /// <summary>dx (+)= f'(saved) dy, element by element.</summary>
    void MapVjp<TOp>(TOp op, DeviceBuffer<T> saved, DeviceBuffer<T> dy, GradientSink<T> dx)
        where TOp : unmanaged, IUnaryOp<T>;

    /// <summary>y = f(a, b), element by element, with operands broadcast to the shape of y.</summary>
    void Zip<TOp>(TOp op, in ZipOperands<T> operands, DeviceBuffer<T> y)
        where TOp : unmanaged, IBinaryOp<T>;

    /// <summary>
    /// da (+)= df/da dy, then db (+)= df/db dy, element by element. Both are of the shape of y; one of them may be not wanted.
    /// </summary>
    void ZipVjp<TOp>(TOp op, in ZipOperands<T> operands, DeviceBuffer<T> dy, GradientSink<T> da, GradientSink<T> db)
        where TOp : unmanaged, IBinaryOp<T>;

    /// <summary>Combines the elements along one axis.</summary>
    void Reduce<TReduction>(TReduction reduction, in ReduceCall<T> call)
        where TReduction : unmanaged, IReduction<T>;

    /// <summary>Copies, or adds, scaled elements between strided layouts: transposes, slices, concatenation and expansion.</summary>
    void Copy(in CopyCall<T> call);

    /// <summary>Row r of y = row indices[r] of the table. Indices are in range: the op checked them.</summary>
    void Gather(DeviceBuffer<T> table, DeviceBuffer<int> indices, DeviceBuffer<T> y, int rowLength);

    /// <summary>Row indices[r] of the table += row r of x, in the order of r, so that results do not vary between runs.</summary>
    void ScatterAdd(DeviceBuffer<T> x, DeviceBuffer<int> indices, DeviceBuffer<T> table, int rowLength);

    /// <summary>C = alpha op(A) op(B) + beta C (+ bias), for one product or a batch of them.</summary>
    void Gemm(in GemmCall<T> call);

    /// <summary>
    /// Whether <see cref="Gemm"/> fills <see cref="GemmCall{T}.SquaresOfB"/> of this product while it reads B; by the extents and flags of
    /// the call alone. Else who needs the sums reads B once more.
    /// </summary>
    bool SumsSquares(in GemmCall<T> call) => false;

    /// <summary>
    /// Copies op(B) into the order in which <see cref="Gemm"/> reads it, for products that share it (<see cref="GemmCall{T}.PackedB"/>):
    /// the weights of a recurrent layer serve every step of a sequence. Empty where that gains nothing.
    /// </summary>
    /// <param name="b">K x N, or N x K if transposed.</param>
    /// <param name="k">The extent that the products sum over.</param>
    /// <param name="n">The columns of their results.</param>
    /// <param name="transposed">Whether b is stored N x K.</param>
    /// <returns>Memory of the pool, for the caller to dispose.</returns>
    Scratch<T> PackB(DeviceBuffer<T> b, int k, int n, bool transposed) => Pool.RentScratch<T>(0);

    /// <summary>
    /// Runs a fused kernel over the items 0 to <paramref name="items"/> - 1, in chunks of <paramref name="grain"/> that may run in
    /// parallel.
    /// </summary>
    void Run<TKernel>(in TKernel kernel, int items, int grain)
        where TKernel : unmanaged, IKernel<T>;

    /// <summary>
    /// How many items should make a chunk of <see cref="Run"/>, for kernels whose chunks write partial sums: by the numbers of items and
    /// the device alone. A processor wants as many as <paramref name="suggested"/>, for its caches; a device as few as occupy all of it.
    /// </summary>
    /// <param name="items">All items.</param>
    /// <param name="suggested">A number that suits a processor.</param>
    /// <param name="together">Items that one chunk should have at least, as they share cache lines.</param>
    int Grain(int items, int suggested, int together = 1) => suggested;

    /// <summary>Whether <see cref="Run"/> takes this kernel: a device needs its <see cref="IKernel{T}.DeviceSource"/>.</summary>
    bool Takes<TKernel>()
        where TKernel : unmanaged, IKernel<T> => true;

    /// <summary>
    /// Whether <see cref="Update"/> takes gradients that are products not yet computed, and sums the rows of each from first to last, as
    /// <see cref="Gemm"/> does.
    /// </summary>
    bool FusesProducts => false;

    /// <summary>Applies an optimizer's rule to every element of some parameters. Their arrays do not overlap.</summary>
    void Update<TRule>(TRule rule, ReadOnlySpan<UpdateCall<T>> calls)
        where TRule : unmanaged, IUpdateRule<T>;

    /// <summary>
    /// Begins a training step, which ends when the result is disposed. A device may hold back what a step queues and launch it as a whole,
    /// if step after step queues the same. Results do not depend on it.
    /// </summary>
    /// <remarks>Best read the loss after the step: reading a number inside waits for it, and what comes after is launched apart.</remarks>
    /// <returns>What ends the step; null where steps are nothing special.</returns>
    IDisposable? BeginStep() => null;
}
