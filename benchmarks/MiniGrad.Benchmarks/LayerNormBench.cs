using BenchmarkDotNet.Attributes;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Benchmarks;

/// <summary>Layer normalization of rows x features, forward without recording and the node's backward alone, in float32.</summary>
[MemoryDiagnoser]
public class LayerNormBench : IDisposable
{
    private IBackend<float> backend = null!;
    private Tape<float> tape = null!, recorded = null!;
    private Parameter<float> x = null!, gain = null!, bias = null!;
    private TapeNode<float> node = null!;

    [Params("4x1000", "64x400", "128x1000", "64x2048", "4096x256", "4096x1024", "32768x768")]
    public string Shape { get; set; } = "";

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int[] extents = [.. Shape.Split('x').Select(int.Parse)];
        backend = CpuBackend.Create<float>(Threads);
        (x, gain, bias) = (New("x", extents), New("gain", extents[1]), New("bias", extents[1]));
        tape = new Tape<float>(backend);
        recorded = new Tape<float>(backend);
        recorded.Backward(Normalized(recorded), Values(extents[0] * extents[1]));
        node = recorded.Nodes[^1];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        Array.ForEach<IDisposable>([tape, recorded, x, gain, bias, backend], item => item.Dispose());
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Forward()
    {
        using (tape.Pause())
        {
            Normalized(tape);
        }
        tape.Reset();
    }

    [Benchmark]
    public void Backward()
    {
        x.ZeroGradient();
        gain.ZeroGradient();
        bias.ZeroGradient();
        node.Backward(backend);
    }

    private Tensor<float> Normalized(Tape<float> on) => on.Watch(x).LayerNorm(on.Watch(gain), on.Watch(bias));

    private Parameter<float> New(string name, params ReadOnlySpan<int> extents)
    {
        Parameter<float> parameter = new(backend, name, new Shape(extents));
        parameter.Set(Values(parameter.Shape.ElementCount));
        return parameter;
    }

    private static float[] Values(int count)
    {
        Random random = new(1);
        float[] values = new float[count];
        foreach (ref float value in values.AsSpan())
        {
            value = random.NextSingle() - 0.5f;
        }
        return values;
    }
}
