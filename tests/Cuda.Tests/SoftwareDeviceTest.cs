using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Cuda.Tests;

/// <summary>A test on the software device: it begins with the device as new, and fails if it leaves anything behind.</summary>
public abstract class SoftwareDeviceTest : IDisposable
{
    private readonly SoftwareDevice.Counts before;

    protected SoftwareDeviceTest()
    {
        SoftwareDevice.Require();
        SoftwareDevice.ClearFaults();
        SoftwareDevice.Configure();
        before = SoftwareDevice.Live;
    }

    public void Dispose()
    {
        SoftwareDevice.ClearFaults();
        SoftwareDevice.Configure();
        Assert.Equal(before, SoftwareDevice.Live);
        GC.SuppressFinalize(this);
    }

    /// <summary>A backend of which every block has guards of its own.</summary>
    internal static CudaBackend<T> Create<T>(CudaOptions? options = null)
        where T : unmanaged, IFloatingPointIeee754<T> => CudaBackend.CreateWithPool<T>(
            (options ?? new CudaOptions()) with { SegmentBytes = 0 }, allocator => new BufferPool(allocator));
}
