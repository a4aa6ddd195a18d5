using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MiniGrad.Backends;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>Makes backends that run on an NVIDIA GPU.</summary>
public static class CudaBackend
{
    /// <summary>A backend on a GPU.</summary>
    /// <param name="options">Which device, and how it computes; by default the first one, in full precision.</param>
    /// <exception cref="CudaUnavailableException">A driver, a device or a library is missing; the message says which.</exception>
    /// <exception cref="CudaException">A call into CUDA failed.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static IBackend<T> Create<T>(CudaOptions? options = null)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        CreateWithPool<T>(options ?? new CudaOptions(), allocator => new BufferPool(allocator));

    /// <summary>Why there can be no backend on a GPU here, in one sentence; null if there can.</summary>
    public static string? Refusal(CudaOptions? options = null)
    {
        try
        {
            using CudaDevice device = new(options ?? new CudaOptions());
            NativeLibraries.Load(Nvrtc.Library);
            NativeLibraries.Load(CuBlas.Library);
            return null;
        }
        catch (Exception refusal) when (refusal is CudaUnavailableException or CudaException)
        {
            return refusal.Message;
        }
    }

    /// <summary>How many training steps (<see cref="IBackend{T}.BeginStep"/>) were launched as graphs; null on other devices.</summary>
    public static long? GraphLaunches<T>(IBackend<T> backend)
        where T : unmanaged, IFloatingPointIeee754<T> => backend is CudaBackend<T> cuda ? cuda.Device.Steps?.Launches ?? 0 : null;

    /// <summary>A backend with memory from a pool of the caller's making.</summary>
    internal static CudaBackend<T> CreateWithPool<T>(CudaOptions options, Func<IDeviceAllocator, BufferPool> makePool)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (typeof(T) != typeof(float) && typeof(T) != typeof(double))
        {
            throw new NotSupportedException($"CUDA kernels compute in float or double, not in {typeof(T)}.");
        }
        CudaDevice device = new(options);
        try
        {
            CudaAllocator allocator = new(device, options.SegmentBytes);
            return new CudaBackend<T>(device, options, allocator, makePool(allocator));
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }
}

/// <summary>The CUDA backend: every kernel family is a file of Kernels, completed by the formula of the op.</summary>
internal sealed partial class CudaBackend<T> : IBackend<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Threads = 256;
    private const int BlocksPerMultiprocessor = 16;
    private const int ChunksPerMultiprocessor = 4; // Of fused kernels, which use more registers and write a partial sum for each chunk.

    private readonly CudaDevice device;
    private readonly CudaAllocator allocator;
    private readonly StagingBuffers staging;
    private readonly KernelCache<T> kernels;
    private readonly CudaGemm<T> gemm;
    private bool disposed;

    /// <summary>Takes over all that it is given.</summary>
    public CudaBackend(CudaDevice device, CudaOptions options, CudaAllocator allocator, BufferPool pool)
    {
        (this.device, this.allocator) = (device, allocator);
        Pool = pool;
        kernels = new KernelCache<T>(device);
        staging = new StagingBuffers(device);
        gemm = new CudaGemm<T>(device, options.AllowTf32);
        string precision = typeof(T) == typeof(double) ? "float64" : Tf32(options) is { } tf32 ? $"float32, products in {tf32}" : "float32";
        Name = $"cuda, {device.Name} ({device.Major}.{device.Minor}), {precision}";
    }

    public string Name { get; }

    internal CudaDevice Device => device;

    public BufferPool Pool { get; }

    public void Upload<TElement>(ReadOnlySpan<TElement> host, DeviceBuffer<TElement> buffer)
        where TElement : unmanaged
    {
        RequireLength(host.Length, buffer.Length);
        device.MakeCurrent();
        staging.Upload(MemoryMarshal.AsBytes(host), buffer.Address);
    }

    public void Download<TElement>(DeviceBuffer<TElement> buffer, Span<TElement> host)
        where TElement : unmanaged
    {
        RequireLength(host.Length, buffer.Length);
        device.MakeCurrent();
        staging.Download(buffer.Address, MemoryMarshal.AsBytes(host));
    }

    public void Gemm(in GemmCall<T> call)
    {
        device.MakeCurrent();
        if (call.Bias.Length > 0)
        {
            CopyBias(call);
        }
        gemm.Multiply(call, accumulate: call.Accumulate || call.Bias.Length > 0);
    }

    public int Grain(int items, int suggested, int together = 1)
    {
        int chunks = Math.Max(1, ChunksPerMultiprocessor * device.Multiprocessors), grain = (items + chunks - 1) / chunks;
        return Math.Min(items, (grain + together - 1) / together * together);
    }

    public bool Takes<TKernel>()
        where TKernel : unmanaged, IKernel<T> => DeviceSource<TKernel>.Text is not null;

    public void Run<TKernel>(in TKernel kernel, int items, int grain)
        where TKernel : unmanaged, IKernel<T>
    {
        device.MakeCurrent();
        if (!kernels.TryGet(typeof(TKernel), "run_kernel", out Kernel function))
        {
            string source = DeviceSource<TKernel>.Text ?? throw new NotSupportedException(
                $"{typeof(TKernel).Name} has no DeviceSource, so only a CPU backend can run it.");
            string check =
                $"static_assert(sizeof(Arguments) == {Unsafe.SizeOf<TKernel>()}, \"Arguments differ from the fields of the kernel\");";
            function = kernels.Load(typeof(TKernel), "run_kernel", "run", $"{source}\n{check}\n");
        }
        device.Launch(function, (items + grain - 1) / grain, Threads, new RunArguments<TKernel>(kernel, items, grain));
    }

    public IDisposable? BeginStep()
    {
        if (device.IsSynchronous)
        {
            return null; // Who waits after every kernel, to find one that fails, does not want them launched together.
        }
        device.MakeCurrent();
        return (device.Steps ??= new StepGraph(device, allocator, Pool)).Begin();
    }

    public void Dispose()
    {
        if (disposed)
        {
            return;
        }
        disposed = true;
        device.Steps?.Dispose();
        gemm.Dispose();
        kernels.Dispose();
        staging.Dispose();
        Pool.Dispose();
        device.Dispose();
    }

    // C (+)= bias, so that the product can be added to it.
    private void CopyBias(in GemmCall<T> call)
    {
        Strides repeated = default, rows = Strides.RowMajor(new Shape(call.M, call.N));
        repeated[Shape.MaxRank - 1] = call.N == 1 ? 0 : 1;
        int copies = call.StrideC == 0 ? 1 : call.Batch;
        for (int i = 0; i < copies; i++)
        {
            DeviceBuffer<T> c = call.C.Slice(i * call.StrideC, call.M * call.N);
            Copy(new CopyCall<T>(call.Bias, repeated, c, rows, new Shape(call.M, call.N), T.One, call.Accumulate));
        }
    }

    /// <summary>What products of float are computed in, where it is not float.</summary>
    private static string? Tf32(CudaOptions options) => Environment.GetEnvironmentVariable("NVIDIA_TF32_OVERRIDE") switch
    {
        "0" => null,
        "1" => "TF32 (NVIDIA_TF32_OVERRIDE=1)",
        _ => options.AllowTf32 ? "TF32" : null,
    };

    private void RequireLength(int host, int buffer)
    {
        Pool.ThrowIfDisposed();
        if (host != buffer)
        {
            throw new ArgumentException($"The host has {host} elements and the tensor {buffer}: they must be as many.");
        }
    }

    /// <summary>Blocks for a kernel whose threads each take every n-th item.</summary>
    private long Blocks(long items) =>
        Math.Clamp((items + Threads - 1) / Threads, 1, BlocksPerMultiprocessor * (long)device.Multiprocessors);

    /// <summary>The source of a fused kernel, put together once: every op asks whether there is one.</summary>
    private static class DeviceSource<TKernel>
        where TKernel : unmanaged, IKernel<T>
    {
        public static readonly string? Text = TKernel.DeviceSource;
    }
}
