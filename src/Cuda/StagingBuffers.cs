using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>
/// Copies between host and device through a ring of pinned buffers, which the device reads by itself while the host goes on. An event
/// marks when a buffer may be written again.
/// </summary>
internal sealed unsafe class StagingBuffers(CudaDevice device) : IDisposable
{
    private const int Count = 4, BytesEach = 256 << 10;

    private readonly PinnedMemory?[] buffers = new PinnedMemory?[Count];
    private readonly EventHandle?[] copied = new EventHandle?[Count];
    private int next;

    /// <summary>Queues a copy to the device; the source may be changed when this returns.</summary>
    public void Upload(ReadOnlySpan<byte> host, nint to)
    {
        if (device.Steps is { IsActive: true } steps)
        {
            steps.Segment.Upload(host, to);
            return;
        }
        while (host.Length > 0)
        {
            (PinnedMemory buffer, EventHandle done) = Next();
            ReadOnlySpan<byte> part = host[..Math.Min(host.Length, BytesEach)];
            part.CopyTo(buffer.Span);
            CudaError.Check(
                Driver.cuMemcpyHtoDAsync_v2((ulong)to, (void*)buffer.Raw, (nuint)part.Length, device.Stream.Raw),
                nameof(Driver.cuMemcpyHtoDAsync_v2));
            done.Record(device.Stream);
            host = host[part.Length..];
            to += part.Length;
        }
    }

    /// <summary>Copies to the host, after all work queued before.</summary>
    public void Download(nint from, Span<byte> host)
    {
        device.Steps?.Flush(); // The host waits for a number, so that what comes before it must run now.
        while (host.Length > 0)
        {
            (PinnedMemory buffer, EventHandle done) = Next();
            Span<byte> part = host[..Math.Min(host.Length, BytesEach)];
            CudaError.Check(
                Driver.cuMemcpyDtoHAsync_v2((void*)buffer.Raw, (ulong)from, (nuint)part.Length, device.Stream.Raw),
                nameof(Driver.cuMemcpyDtoHAsync_v2));
            done.Record(device.Stream);
            done.Synchronize();
            buffer.Span[..part.Length].CopyTo(part);
            host = host[part.Length..];
            from += part.Length;
        }
    }

    public void Dispose()
    {
        for (int i = 0; i < Count; i++)
        {
            buffers[i]?.Dispose();
            copied[i]?.Dispose();
        }
    }

    /// <summary>A buffer that no copy is using any more.</summary>
    private (PinnedMemory Buffer, EventHandle Copied) Next()
    {
        int i = next;
        next = (next + 1) % Count;
        buffers[i] ??= new PinnedMemory(device.Context, BytesEach);
        copied[i] ??= new EventHandle(device.Context);
        copied[i]!.Synchronize(); // An event that was never recorded is done.
        return (buffers[i]!, copied[i]!);
    }
}
