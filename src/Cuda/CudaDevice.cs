using System.Runtime.InteropServices;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>One GPU: its context, and the one stream in which all work is queued. Everything in the stream runs in order.</summary>
internal sealed unsafe class CudaDevice : IDisposable
{
    private const int OldestDriver = 11040; // 11.4: graphs are instantiated with flags from then on.

    /// <exception cref="CudaUnavailableException">There is no driver, no such device, or the driver is too old.</exception>
    public CudaDevice(CudaOptions options)
    {
        int device = Find(options.Device);
        IsSynchronous = options.Synchronous;
        Name = NameOf(device);
        Major = Attribute(device, Driver.AttributeComputeMajor);
        Minor = Attribute(device, Driver.AttributeComputeMinor);
        Multiprocessors = Attribute(device, Driver.AttributeMultiprocessorCount);
        Context = new ContextHandle(device);
        try
        {
            MakeCurrent();
            Stream = new StreamHandle(Context);
        }
        catch
        {
            Context.Dispose();
            throw;
        }
    }

    public ContextHandle Context { get; }

    public StreamHandle Stream { get; }

    public string Name { get; }

    /// <summary>The compute capability, such as 9.0: which machine code the device runs.</summary>
    public int Major { get; }

    /// <inheritdoc cref="Major"/>
    public int Minor { get; }

    public int Multiprocessors { get; }

    /// <summary>What launches the steps of a program as graphs, if it has any.</summary>
    public StepGraph? Steps { get; set; }

    /// <summary>Whether to wait after every kernel.</summary>
    public bool IsSynchronous { get; }

    /// <summary>Makes the context current on this thread; every public entry does so, since a caller may come on any thread.</summary>
    public void MakeCurrent() => CudaError.Check(Driver.cuCtxSetCurrent(Context.Raw), nameof(Driver.cuCtxSetCurrent));

    /// <summary>Waits until all queued work is done.</summary>
    public void Synchronize() => CudaError.Check(Driver.cuStreamSynchronize(Stream.Raw), nameof(Driver.cuStreamSynchronize));

    /// <summary>Queues a kernel of one argument, a struct passed by value.</summary>
    public void Launch<TArguments>(in Kernel kernel, long blocks, int threads, in TArguments arguments)
        where TArguments : unmanaged
    {
        if (blocks > int.MaxValue)
        {
            throw new ArgumentOutOfRangeException(nameof(blocks), blocks, $"{kernel.Name}: a grid has at most {int.MaxValue} blocks.");
        }
        int code;
        fixed (TArguments* pointer = &arguments)
        {
            if (Steps is { IsActive: true } steps)
            {
                steps.Segment.Launch(kernel, (uint)blocks, (uint)threads, new ReadOnlySpan<byte>(pointer, sizeof(TArguments)));
                return;
            }
            void* argument = pointer;
            code = Driver.cuLaunchKernel(kernel.Function, (uint)blocks, 1, 1, (uint)threads, 1, 1, 0, Stream.Raw, &argument, null);
        }
        if (code != 0)
        {
            throw CudaError.Driver(code, $"{nameof(Driver.cuLaunchKernel)} of {kernel.Name}");
        }
        if (IsSynchronous && (code = Driver.cuStreamSynchronize(Stream.Raw)) != 0)
        {
            throw CudaError.Driver(code, $"{nameof(Driver.cuStreamSynchronize)} after {kernel.Name}");
        }
    }

    /// <summary>How much memory the device has free, and in all.</summary>
    public (long Free, long Total) Memory()
    {
        nuint free, total;
        CudaError.Check(Driver.cuMemGetInfo_v2(&free, &total), nameof(Driver.cuMemGetInfo_v2));
        return ((long)free, (long)total);
    }

    public void Dispose()
    {
        Stream.Dispose();
        Context.Dispose();
    }

    private static int Find(int ordinal)
    {
        NativeLibraries.Load(Driver.Library);
        int version, count, device;
        int code = Driver.cuInit(0);
        if (code == CudaError.NoDevice)
        {
            throw new CudaUnavailableException("The NVIDIA driver is installed, but finds no CUDA device.");
        }
        CudaError.Check(code, nameof(Driver.cuInit));
        CudaError.Check(Driver.cuDriverGetVersion(&version), nameof(Driver.cuDriverGetVersion));
        if (version < OldestDriver)
        {
            throw new CudaUnavailableException(
                $"The NVIDIA driver is too old: it supports CUDA {VersionText(version)}, and {VersionText(OldestDriver)} is needed. " +
                "Update it.");
        }
        CudaError.Check(Driver.cuDeviceGetCount(&count), nameof(Driver.cuDeviceGetCount));
        if (ordinal < 0 || ordinal >= count)
        {
            throw new CudaUnavailableException($"There is no CUDA device {ordinal}: the driver shows {count}.");
        }
        CudaError.Check(Driver.cuDeviceGet(&device, ordinal), nameof(Driver.cuDeviceGet));
        return device;
    }

    private static string VersionText(int version) => $"{version / 1000}.{version % 1000 / 10}";

    private static string NameOf(int device)
    {
        byte* name = stackalloc byte[256];
        CudaError.Check(Driver.cuDeviceGetName(name, 256, device), nameof(Driver.cuDeviceGetName));
        return Marshal.PtrToStringUTF8((nint)name) ?? "CUDA device";
    }

    private static int Attribute(int device, int attribute)
    {
        int value;
        CudaError.Check(Driver.cuDeviceGetAttribute(&value, attribute, device), nameof(Driver.cuDeviceGetAttribute));
        return value;
    }
}

/// <summary>A compiled kernel.</summary>
/// <param name="Name">What it is, for messages.</param>
/// <param name="Function">The driver's handle.</param>
internal readonly record struct Kernel(string Name, nint Function);
