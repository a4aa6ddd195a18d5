using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Cuda.Tests;

/// <summary>
/// A test on a device, the software one or a GPU (MINIGRAD_CUDA_TESTS=hardware). The software device is as new at the start, and the test
/// fails if it leaves anything behind there.
/// </summary>
public abstract class DeviceTest : IDisposable
{
    private readonly SoftwareDevice.Counts before;

    protected DeviceTest()
    {
        SoftwareDevice.RequireAny();
        if (!SoftwareDevice.IsHardware)
        {
            SoftwareDevice.ClearFaults();
            SoftwareDevice.Configure();
            before = SoftwareDevice.Live;
        }
    }

    public void Dispose()
    {
        if (!SoftwareDevice.IsHardware)
        {
            SoftwareDevice.ClearFaults();
            SoftwareDevice.Configure();
            Assert.Equal(before, SoftwareDevice.Live);
        }
        GC.SuppressFinalize(this);
    }

    /// <summary>A backend of which every block has guards of its own.</summary>
    internal static CudaBackend<T> Create<T>(CudaOptions? options = null)
        where T : unmanaged, IFloatingPointIeee754<T> => CudaBackend.CreateWithPool<T>(
            (options ?? new CudaOptions()) with { SegmentBytes = 0 }, allocator => new BufferPool(allocator));
}

/// <summary>A test that needs what only the software device can do: fail on demand, take another order, be strict.</summary>
public abstract class SoftwareDeviceTest : DeviceTest
{
    /// <summary>The trait of tests that a machine with a GPU cannot run; its value says what they need.</summary>
    public const string Needs = "Needs";

    protected SoftwareDeviceTest() => SoftwareDevice.Require();
}
