using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

/// <summary>One step of all parameters together is a step of each alone.</summary>
public class OptimizerStepTests
{
    // Shorter than a vector, a chunk and a bit, an odd number, many chunks.
    private static readonly int[] Lengths = [3, 16_385, 101, 70_001];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Parameters_updated_together_get_what_each_gets_alone(int threads)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(threads);
        float[][] together = Train(backend, [.. Enumerable.Range(0, Lengths.Length)]);
        for (int i = 0; i < Lengths.Length; i++)
        {
            Assert.Equal(Train(backend, [i])[0], together[i]);
        }
        Assert.Equal(0, backend.Pool.Outstanding);
    }

    /// <summary>Four steps of Adam; the second parameter has no gradient in the first, so that its own steps are fewer.</summary>
    private static float[][] Train(IBackend<float> backend, int[] numbers)
    {
        Parameter<float>[] parameters = [.. numbers.Select(i => new Parameter<float>(backend, $"p{i}", new Shape(Lengths[i])))];
        using Adam<float> optimizer = new(parameters, 0.01);
        using Tape<float> tape = new(backend);
        for (int step = 0; step < 4; step++)
        {
            for (int i = 0; i < numbers.Length; i++)
            {
                if (step > 0 || numbers[i] != 1)
                {
                    float[] factors = new float[Lengths[numbers[i]]];
                    new Philox((ulong)(step + 1), (ulong)numbers[i]).Normal<float>(factors);
                    tape.Backward((tape.Watch(parameters[i]) * tape.Constant(factors, parameters[i].Shape)).Sum());
                }
            }
            optimizer.Step();
            optimizer.ZeroGradients();
            tape.Reset();
        }
        float[][] values = [.. parameters.Select(parameter => parameter.ToArray())];
        Array.ForEach(parameters, parameter => parameter.Dispose());
        return values;
    }
}
