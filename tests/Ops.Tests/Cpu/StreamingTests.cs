using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

/// <summary>Elementwise results large enough to be written past the caches, at every vector width, with a partial one at the end.</summary>
public class StreamingTests
{
    [Fact]
    public void Large_elementwise_results_are_exact()
    {
        const int Length = (6 << 20) + 300_003;
        Assert.True(Streaming.Pays(new DeviceBuffer<double>(0, Length)));
        double[] x = TestArrays.Random(Length, 1);
        foreach (SimdWidth width in SimdSupport.Supported)
        {
            using IBackend<double> backend = CpuBackend.Create<double>(2, width);
            using Tape<double> tape = new(backend);
            Tensor<double> leaf = tape.Constant(x, new Shape(Length));
            double[] y = (leaf + leaf).Relu().ToArray();
            for (int i = 0; i < Length; i++)
            {
                if (y[i] != Math.Max(0, 2 * x[i]))
                {
                    Assert.Fail($"{width}, element {i}: {y[i]} of {x[i]}");
                }
            }
        }
    }

    [Fact]
    public void Vectors_that_are_not_aligned_are_not_streamed()
    {
        const int Length = 8 << 20;
        Assert.True(Streaming.PaysByVectors<double, Simd256<double>>(new DeviceBuffer<double>(64, Length)));
        Assert.False(Streaming.PaysByVectors<double, Simd256<double>>(new DeviceBuffer<double>(64 + 16, Length)));
        Assert.True(Streaming.PaysByVectors<double, Simd256<double>>(new DeviceBuffer<double>(64 + 32, Length)));
        Assert.False(Streaming.PaysByVectors<double, Simd512<double>>(new DeviceBuffer<double>(64 + 32, Length)));
    }
}
