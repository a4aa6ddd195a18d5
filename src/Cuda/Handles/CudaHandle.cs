using System.Runtime.InteropServices;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>Something that CUDA made and that has to be given back, at the latest when the finalizer finds it.</summary>
/// <remarks>
/// A finalizer runs on a thread with no current context, perhaps after the context is gone: it keeps the context alive by a reference and
/// makes it current, and takes "already shut down" for an answer.
/// </remarks>
internal abstract class CudaHandle : SafeHandle
{
    private readonly ContextHandle? context;

    protected CudaHandle(ContextHandle? context)
        : base(0, ownsHandle: true) => this.context = context;

    public sealed override bool IsInvalid => handle == 0;

    /// <summary>The native handle, for calls on the hot path; whoever uses it keeps this object.</summary>
    public nint Raw => handle;

    protected abstract int Destroy(nint native);

    /// <summary>Takes over what a constructor made.</summary>
    protected void Own(nint native)
    {
        bool added = false;
        context?.DangerousAddRef(ref added);
        SetHandle(native);
    }

    protected sealed override bool ReleaseHandle()
    {
        if (context is not null)
        {
            _ = Driver.cuCtxSetCurrent(context.Raw);
        }
        int code = Destroy(handle);
        context?.DangerousRelease();
        return code is 0 or CudaError.Deinitialized or CudaError.InvalidContext or CudaError.ContextDestroyed || CudaError.IsFatal(code);
    }
}

/// <summary>The device's primary context, the one that cuBLAS uses too.</summary>
internal sealed unsafe class ContextHandle : CudaHandle
{
    private readonly int device;

    public ContextHandle(int device)
        : base(null)
    {
        this.device = device;
        nint context;
        CudaError.Check(Driver.cuDevicePrimaryCtxRetain(&context, device), nameof(Driver.cuDevicePrimaryCtxRetain));
        Own(context);
    }

    protected override int Destroy(nint native) => Driver.cuDevicePrimaryCtxRelease_v2(device);
}

/// <summary>A queue of work. Non-blocking: it does not wait for the legacy stream, so that it can be captured.</summary>
internal sealed unsafe class StreamHandle : CudaHandle
{
    public StreamHandle(ContextHandle context)
        : base(context)
    {
        nint stream;
        CudaError.Check(Driver.cuStreamCreate(&stream, Driver.StreamNonBlocking), nameof(Driver.cuStreamCreate));
        Own(stream);
    }

    protected override int Destroy(nint native) => Driver.cuStreamDestroy_v2(native);
}

/// <summary>A mark in a stream that the host can wait for.</summary>
internal sealed unsafe class EventHandle : CudaHandle
{
    public EventHandle(ContextHandle context)
        : base(context)
    {
        nint created;
        CudaError.Check(Driver.cuEventCreate(&created, Driver.EventDisableTiming), nameof(Driver.cuEventCreate));
        Own(created);
    }

    public void Record(StreamHandle stream) => CudaError.Check(Driver.cuEventRecord(handle, stream.Raw), nameof(Driver.cuEventRecord));

    public void Synchronize() => CudaError.Check(Driver.cuEventSynchronize(handle), nameof(Driver.cuEventSynchronize));

    protected override int Destroy(nint native) => Driver.cuEventDestroy_v2(native);
}

/// <summary>Host memory that the device copies from and to by itself.</summary>
internal sealed unsafe class PinnedMemory : CudaHandle
{
    public PinnedMemory(ContextHandle context, int bytes)
        : base(context)
    {
        void* pointer;
        CudaError.Check(Driver.cuMemHostAlloc(&pointer, (nuint)bytes, 0), nameof(Driver.cuMemHostAlloc));
        Own((nint)pointer);
        Bytes = bytes;
    }

    public int Bytes { get; }

    public Span<byte> Span => new((void*)handle, Bytes);

    protected override int Destroy(nint native) => Driver.cuMemFreeHost((void*)native);
}

/// <summary>A loaded image of compiled kernels.</summary>
internal sealed unsafe class ModuleHandle : CudaHandle
{
    public ModuleHandle(ContextHandle context, ReadOnlySpan<byte> image)
        : base(context)
    {
        nint module;
        fixed (byte* pointer = image)
        {
            CudaError.Check(Driver.cuModuleLoadData(&module, pointer), nameof(Driver.cuModuleLoadData));
        }
        Own(module);
    }

    /// <summary>The kernel of this name; it lives as long as the module.</summary>
    public nint Function(ReadOnlySpan<byte> name)
    {
        nint function;
        fixed (byte* pointer = name)
        {
            CudaError.Check(Driver.cuModuleGetFunction(&function, handle, pointer), nameof(Driver.cuModuleGetFunction));
        }
        return function;
    }

    protected override int Destroy(nint native) => Driver.cuModuleUnload(native);
}

/// <summary>A handle of cuBLAS, bound to a stream.</summary>
internal sealed unsafe class CuBlasHandle : CudaHandle
{
    public CuBlasHandle(ContextHandle context, StreamHandle stream)
        : base(context)
    {
        nint created;
        CudaError.CheckBlas(CuBlas.cublasCreate_v2(&created), nameof(CuBlas.cublasCreate_v2));
        Own(created);
        try
        {
            CudaError.CheckBlas(CuBlas.cublasSetStream_v2(created, stream.Raw), nameof(CuBlas.cublasSetStream_v2));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    protected override int Destroy(nint native) => CuBlas.cublasDestroy_v2(native);
}
