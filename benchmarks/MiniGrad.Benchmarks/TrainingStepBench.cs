using BenchmarkDotNet.Attributes;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Benchmarks;

/// <summary>A training step of a 784-1000-1000-10 perceptron with layer norm: forward, backward, update, reset.</summary>
[MemoryDiagnoser]
public class TrainingStepBench : IDisposable
{
    private const int Inputs = 784, Classes = 10;

    private IBackend<float> backend = null!;
    private Mlp<float> model = null!;
    private Optimizer<float> optimizer = null!;
    private Tape<float> tape = null!;
    private float[] images = null!;
    private int[] labels = null!;

    [Params(128, 4)]
    public int Batch { get; set; }

    [Params("sgd", "adam")]
    public string Rule { get; set; } = null!;

    /// <summary>Whether weight gradients of small batches are multiplied out in the update.</summary>
    [Params(true, false)]
    public bool Fused { get; set; }

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        // Rates so small that the batch is never learned: vanishing gradients would not be what training sees.
        const double Rate = 1e-6;
        Philox random = new(seed: 1);
        backend = CpuBackend.Create<float>(Threads);
        model = new Mlp<float>(backend, Inputs, [1000, 1000], Classes, random, NormalizationScheme.Layer, Activation.Relu);
        optimizer = Rule == "sgd" ? new Sgd<float>(model.Parameters, Rate, momentum: 0.9) : new Adam<float>(model.Parameters, Rate);
        optimizer.FusesProducts = Fused;
        tape = new Tape<float>(backend);
        images = new float[Batch * Inputs];
        random.Uniform<float>(images);
        labels = [.. Enumerable.Range(0, Batch).Select(_ => random.NextInt32(Classes))];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        tape.Dispose();
        optimizer.Dispose();
        model.Dispose();
        backend.Dispose();
    }

    [Benchmark]
    public void Step()
    {
        tape.Backward(model.Forward(tape.Constant(images, new Shape(Batch, Inputs))).SoftmaxCrossEntropy(labels));
        optimizer.Step();
        optimizer.ZeroGradients();
        tape.Reset();
    }
}
