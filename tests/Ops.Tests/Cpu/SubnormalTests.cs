using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Cpu;

/// <summary>A processor takes a hundred times as long over a subnormal number: optimizers must not compute any on the way either.</summary>
public sealed class SubnormalTests : IDisposable
{
    private readonly CpuBackend<float, Watched> backend = new(1, new BufferPool(new NativeAllocator()));

    public static TheoryData<string, Func<IReadOnlyList<Parameter<float>>, Optimizer<float>>> Optimizers => new()
    {
        { "Adam", parameters => new Adam<float>(parameters) },
        { "AdamW", parameters => new AdamW<float>(parameters) },
        { "RmsProp", parameters => new RmsProp<float>(parameters) },
        { "RmsProp, momentum", parameters => new RmsProp<float>(parameters, momentum: 0.9) },
        { "momentum", parameters => new Sgd<float>(parameters, 0.01, 0.9) },
        { "Nesterov", parameters => new Sgd<float>(parameters, 0.01, 0.9, nesterov: true) },
    };

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Gradients_of_any_size_from_1e_35_and_zeros_after_them_give_no_subnormal_numbers(
        string optimizer, Func<IReadOnlyList<Parameter<float>>, Optimizer<float>> make)
    {
        float[] gradients = [0, .. Enumerable.Range(-35, 37).SelectMany(power => (float[])[MathF.Pow(10, power), -MathF.Pow(10, power)])];
        using Parameter<float> weight = new(backend, "weight", new Shape(gradients.Length));
        weight.Set([.. gradients.Select(_ => 1f)]);
        using Optimizer<float> trained = make([weight]);
        using Tape<float> tape = new(backend);
        for (int step = 0; step < 2000; step++)
        {
            tape.Backward(tape.Watch(weight).Reshape(gradients.Length), step < 5 ? gradients : new float[gradients.Length]);
            Watched.Subnormals = 0;
            trained.Step();
            Assert.True(Watched.Subnormals == 0, $"{optimizer}: {Watched.Subnormals} subnormal results in step {step}.");
            trained.ZeroGradients();
            tape.Reset();
        }
    }

    [Fact]
    public void Subnormal_results_are_counted()
    {
        Watched.Subnormals = 0;
        _ = Watched.Splat(1e-20f) * Watched.Splat(1e-20f);
        Assert.Equal(1, Watched.Subnormals);
    }

    public void Dispose() => backend.Dispose();
}
