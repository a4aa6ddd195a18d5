using MiniGrad.Backends;

namespace MiniGrad.Cuda.Tests;

/// <summary>The software device itself: it must see what a GPU lets pass, or tests on it would prove little.</summary>
[Trait(SoftwareDeviceTest.Needs, "software device")]
public class DeviceStrictnessTests : SoftwareDeviceTest
{
    private const int IllegalAddress = 700, LaunchFailed = 719;

    [Theory]
    [InlineData("k.x[200000] = 1;", IllegalAddress, "outside every allocation")]
    [InlineData("k.x[-1000] = 1;", IllegalAddress, "outside every allocation")]
    [InlineData("k.x[100] = 1;", IllegalAddress, "wrote past the end of an allocation of 400 bytes")]
    [InlineData("if (threadIdx.x < 32) __syncthreads();\nelse\n__syncthreads();", LaunchFailed, "different __syncthreads()")]
    [InlineData("if (threadIdx.x % 2) k.x[0] = __shfl_xor_sync(all_lanes, k.x[0], 1); else __syncthreads();", LaunchFailed, "deadlock")]
    [InlineData("assert(k.length == 3);", LaunchFailed, "assertion failed: k.length == 3")]
    public void A_faulty_kernel_is_reported_at_the_next_wait(string statement, int code, string says)
    {
        using CudaDevice device = new(new CudaOptions());
        using ModuleHandle module = Load(device, statement);
        DeviceBuffer<float> x = new(new CudaAllocator(device, 0).Allocate(400), 100);
        CudaException error = Assert.Throws<CudaException>(() =>
        {
            Launch(device, module, x);
            device.Synchronize();
        });
        Assert.Equal(code, error.Code);
        Assert.Contains("this process cannot use the device any more", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, SoftwareDevice.Message, StringComparison.Ordinal);
        Assert.Equal(code, Assert.Throws<CudaException>(device.Synchronize).Code); // As on a GPU, nothing works after it.
    }

    [Fact]
    public void A_missing_barrier_shows_in_some_order_of_threads()
    {
        const string kernel = "__shared__ real s[64]; if (threadIdx.x < 64) s[threadIdx.x] = threadIdx.x;\n"
            + "if (threadIdx.x < 64) k.x[threadIdx.x] = s[threadIdx.x ^ 63];";
        int wrong = 0;
        foreach (SoftwareDevice.Order order in Enum.GetValues<SoftwareDevice.Order>())
        {
            SoftwareDevice.Configure(order: order);
            using CudaDevice device = new(new CudaOptions());
            using ModuleHandle module = Load(device, kernel);
            CudaAllocator allocator = new(device, 0);
            DeviceBuffer<float> x = new(allocator.Allocate(400), 100);
            Launch(device, module, x);
            float[] host = new float[100];
            using (StagingBuffers staging = new(device))
            {
                staging.Download(x.Address, System.Runtime.InteropServices.MemoryMarshal.AsBytes(host.AsSpan()));
            }
            wrong += Enumerable.Range(0, 64).All(i => host[i] == (i ^ 63)) ? 0 : 1;
            allocator.Free(x.Address, 400);
        }
        Assert.NotEqual(0, wrong);
    }

    private static ModuleHandle Load(CudaDevice device, string statement)
    {
        string source = KernelCache<float>.Source("", "copies") +
            "extern \"C\" __global__ void faulty(FillArguments fill)\n{\n" +
            $"struct {{ real* x; unsigned length; }} k = {{fill.y, fill.length}};\n{statement}\n}}\n";
        return new ModuleHandle(device.Context, new KernelCompiler(9, 0).Compile("faulty", source));
    }

    private static void Launch(CudaDevice device, ModuleHandle module, DeviceBuffer<float> x) => device.Launch(
        new Kernel("faulty", module.Function("faulty\0"u8)), 1, 64, new FillArguments<float>(x.Address, x.Length, 0));
}
