using BenchmarkDotNet.Attributes;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Benchmarks;

/// <summary>The matrix products of the training steps, in float32.</summary>
[MemoryDiagnoser]
public class GemmBench
{
    private IBackend<float> backend = null!;
    private Scratch<float> memory;
    private GemmCall<float> call;

    public static IReadOnlyList<GemmShape> Shapes => GemmShape.All;

    [ParamsSource(nameof(Shapes))]
    public GemmShape Shape { get; set; } = null!;

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        backend = CpuBackend.Create<float>(Threads);
        memory = backend.Pool.RentScratch<float>(Shape.Elements);
        backend.Fill(memory.Buffer, 0.5f);
        call = Shape.Call(memory.Buffer);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        memory.Dispose();
        backend.Dispose();
    }

    [Benchmark]
    public void Gemm() => backend.Gemm(call);
}
