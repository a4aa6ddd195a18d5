using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Makes backends that run on the processor.</summary>
public static class CpuBackend
{
    /// <summary>A backend on this machine's processor.</summary>
    /// <param name="threads">Threads that share the work, the caller's included; 0 takes one per core. Results do not depend on it.</param>
    /// <param name="width">The vector width; by default <see cref="SimdSupport.Default"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is negative.</exception>
    /// <exception cref="NotSupportedException">The processor lacks the width, or <typeparamref name="T"/> has no vectors.</exception>
    public static IBackend<T> Create<T>(int threads = 0, SimdWidth? width = null)
        where T : unmanaged, IFloatingPointIeee754<T> => CreateWithPool<T>(threads, width, new BufferPool(new NativeAllocator()));

    /// <summary>The same, with memory from a pool of the caller's, which is disposed with the backend.</summary>
    internal static IBackend<T> CreateWithPool<T>(int threads, SimdWidth? width, BufferPool pool)
        where T : unmanaged, IFloatingPointIeee754<T> => Choose<T>(width) switch
        {
            SimdWidth.Bits512 => New<T, Simd512<T>>(threads, pool),
            SimdWidth.Bits256 => New<T, Simd256<T>>(threads, pool),
            _ => New<T, Scalar<T>>(threads, pool),
        };

    // Apart, so that a program loads the types of one width only: there are hundreds.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static CpuBackend<T, V> New<T, V>(int threads, BufferPool pool)
        where T : unmanaged, IFloatingPointIeee754<T>
        where V : struct, ISimd<V, T> => new(threads, pool);

    /// <summary>
    /// A backend on this machine's processor that computes with dual numbers, at a few times the cost; see <see cref="Jvp"/> and
    /// <see cref="Hvp"/>.
    /// </summary>
    /// <inheritdoc cref="Create"/>
    public static IDualBackend<T> CreateDual<T>(int threads = 0, SimdWidth? width = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        return Choose<T>(width) switch
        {
            SimdWidth.Bits512 => new DualBackend<T, Simd512<T>>(threads),
            SimdWidth.Bits256 => new DualBackend<T, Simd256<T>>(threads),
            _ => new DualBackend<T, Scalar<T>>(threads),
        };
    }

    private static SimdWidth Choose<T>(SimdWidth? width)
        where T : unmanaged
    {
        SimdWidth chosen = width ?? SimdSupport.Default;
        if (!SimdSupport.Has(chosen))
        {
            ThrowLacks(chosen);
        }
        if (chosen != SimdWidth.Scalar && !Vector128<T>.IsSupported)
        {
            throw new NotSupportedException(
                $"There are no vectors of {typeof(T).Name}: take float or double, or SimdWidth.Scalar for one number at a time.");
        }
        return chosen;
    }

    private static void ThrowLacks(SimdWidth width) => throw new NotSupportedException(
        $"This processor has no vectors of width {width}; it has {string.Join(", ", SimdSupport.Supported)}.");
}

/// <summary>The CPU backend for one vector type: every kernel family is a loop over that type.</summary>
internal class CpuBackend<T, V> : IBackend<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    public CpuBackend(int threads, BufferPool pool)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Workers = new WorkerPool(threads == 0 ? Environment.ProcessorCount : threads);
        Pool = pool;
    }

    public virtual string Name =>
        $"cpu, {V.Width * 8 * Unsafe.SizeOf<T>()}-bit vectors, {Workers.Threads} thread{(Workers.Threads == 1 ? "" : "s")}";

    public BufferPool Pool { get; }

    protected WorkerPool Workers { get; }

    public virtual unsafe void Upload<TElement>(ReadOnlySpan<TElement> host, DeviceBuffer<TElement> buffer)
        where TElement : unmanaged
    {
        RequireLength(host.Length, buffer.Length);
        host.CopyTo(new Span<TElement>((void*)buffer.Address, buffer.Length));
    }

    public unsafe void Download<TElement>(DeviceBuffer<TElement> buffer, Span<TElement> host)
        where TElement : unmanaged
    {
        RequireLength(host.Length, buffer.Length);
        new Span<TElement>((void*)buffer.Address, buffer.Length).CopyTo(host);
    }

    public void Fill(DeviceBuffer<T> y, T value) => ElementwiseLoops<T, V>.Fill(Workers, y, value);

    public void Map<TOp>(TOp op, DeviceBuffer<T> x, DeviceBuffer<T> y)
        where TOp : unmanaged, IUnaryOp<T> => ElementwiseLoops<T, V>.Map(Workers, op, x, y);

    public void MapVjp<TOp>(TOp op, DeviceBuffer<T> saved, DeviceBuffer<T> dy, GradientSink<T> dx)
        where TOp : unmanaged, IUnaryOp<T> => ElementwiseLoops<T, V>.MapVjp(Workers, op, saved, dy, dx);

    public void Zip<TOp>(TOp op, in ZipOperands<T> operands, DeviceBuffer<T> y)
        where TOp : unmanaged, IBinaryOp<T> => BroadcastLoops<T, V>.Zip(Workers, op, operands, y);

    public void ZipVjp<TOp>(TOp op, in ZipOperands<T> operands, DeviceBuffer<T> dy, GradientSink<T> da, GradientSink<T> db)
        where TOp : unmanaged, IBinaryOp<T> => BroadcastLoops<T, V>.ZipVjp(Workers, op, operands, dy, da, db);

    public void Reduce<TReduction>(TReduction reduction, in ReduceCall<T> call)
        where TReduction : unmanaged, IReduction<T> => ReduceLoops<T, V>.Reduce(Workers, reduction, call);

    public void Copy(in CopyCall<T> call) => CopyLoops<T, V>.Copy(Workers, call);

    public void Gather(DeviceBuffer<T> table, DeviceBuffer<int> indices, DeviceBuffer<T> y, int rowLength) =>
        CopyLoops<T, V>.Gather(Workers, table, indices, y, rowLength);

    public void ScatterAdd(DeviceBuffer<T> x, DeviceBuffer<int> indices, DeviceBuffer<T> table, int rowLength) =>
        CopyLoops<T, V>.ScatterAdd(x, indices, table, rowLength);

    public virtual void Gemm(in GemmCall<T> call) => Cpu.Gemm<T, V>.Multiply(Workers, call);

    public virtual bool SumsSquares(in GemmCall<T> call) => Cpu.Gemm<T, V>.SumsSquares(call);

    public virtual Scratch<T> PackB(DeviceBuffer<T> b, int k, int n, bool transposed) =>
        PackedB<T, V>.Pack(Workers, Pool, b, k, n, transposed);

    public void Run<TKernel>(in TKernel kernel, int items, int grain)
        where TKernel : unmanaged, IKernel<T> => KernelLoop<T, V>.Run(Workers, kernel, items, grain);

    public bool FusesProducts => true;

    public void Update<TRule>(TRule rule, ReadOnlySpan<UpdateCall<T>> calls)
        where TRule : unmanaged, IUpdateRule<T> => UpdateLoops<T, V>.Update(Workers, rule, calls);

    public void Dispose()
    {
        Workers.Dispose();
        Pool.Dispose();
    }

    private void RequireLength(int host, int buffer)
    {
        Pool.ThrowIfDisposed();
        if (host != buffer)
        {
            throw new ArgumentException($"The host has {host} elements and the tensor {buffer}: they must be as many.");
        }
    }
}
