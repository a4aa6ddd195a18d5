using MiniGrad.Backends;

namespace MiniGrad.Cuda.Tests;

/// <summary>Running out of memory, on any device.</summary>
public class MemoryTests : DeviceTest
{
    [Fact]
    public void More_than_any_device_has_is_refused_with_sizes_and_the_backend_goes_on()
    {
        const long halfATerabyte = 1L << 39;
        using CudaBackend<float> backend = Create<float>();
        backend.Pool.Return(backend.Pool.Rent(1 << 20));
        InsufficientMemoryException refusal = Assert.Throws<InsufficientMemoryException>(() => backend.Pool.Rent(halfATerabyte));
        Assert.Contains($"refused {halfATerabyte} bytes", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, backend.Pool.BytesReserved); // What the pool kept was given back for a second try.
        using Scratch<float> small = backend.Pool.RentScratch<float>(10);
        backend.Fill(small.Buffer, 2f);
        float[] host = new float[10];
        backend.Download(small.Buffer, host);
        Assert.All(host, value => Assert.Equal(2f, value));
    }
}
