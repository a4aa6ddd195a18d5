using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Cuda.Tests;

/// <summary>Steps launched as a graph give bit for bit what they give one by one.</summary>
public class StepGraphTests : SoftwareDeviceTest
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_graph_changes_no_bit(bool lazy)
    {
        SoftwareDevice.Configure(lazy);
        float[] expected = Train(null, 8, _ => 5, out _), got = Train(CudaBackend.Steps, 8, _ => 5, out long replays);
        Assert.Equal(expected, got);
        Assert.Equal(6, replays);
    }

    [Fact]
    public void Another_shape_is_queued_one_by_one_and_learned_anew()
    {
        static int Rows(int step) => step is 4 or 5 ? 3 : 5;
        float[] expected = Train(null, 12, Rows, out _), got = Train(CudaBackend.Steps, 12, Rows, out long replays);
        Assert.Equal(expected, got);
        Assert.InRange(replays, 4, 9);
    }

    [Fact]
    public void A_step_that_waits_for_a_number_works_without_a_graph()
    {
        using CudaBackend<float> backend = Create<float>();
        using StepGraph graph = CudaBackend.Steps(backend);
        using Scratch<float> memory = backend.Pool.RentScratch<float>(1);
        float[] read = new float[1];
        for (int step = 0; step < 6; step++)
        {
            graph.Run(() =>
            {
                backend.Fill(memory.Buffer, step);
                backend.Download(memory.Buffer, read);
            });
            Assert.Equal(step, read[0]);
        }
        Assert.Equal(0, graph.Replays);
    }

    [Fact]
    public void A_processor_has_no_graphs()
    {
        using IBackend<float> cpu = Ops.Cpu.CpuBackend.Create<float>(1);
        Assert.Throws<ArgumentException>(() => CudaBackend.Steps(cpu));
    }

    /// <summary>The losses and weights of a network with dropout under Adam: masks and rates differ at every step.</summary>
    private static float[] Train(Func<IBackend<float>, StepGraph>? make, int steps, Func<int, int> rowsOf, out long replays)
    {
        using CudaBackend<float> backend = Create<float>();
        using StepGraph? graph = make?.Invoke(backend);
        using Mlp<float> model = new(backend, 7, [6], 3, new Philox(1), NormalizationScheme.Layer, Activation.Tanh);
        using Adam<float> optimizer = new(model.Parameters, 0.01);
        using Tape<float> tape = new(backend);
        Philox random = new(2), masks = new(3);
        List<float> numbers = [];
        for (int step = 0; step < steps; step++)
        {
            int rows = rowsOf(step);
            float[] x = new float[rows * 7];
            random.Normal<float>(x);
            Tensor<float> loss = default;
            void Run()
            {
                Tensor<float> input = tape.Constant(x, new Shape(rows, 7)).Dropout(0.3, masks);
                loss = model.Forward(input, Phase.Training).SoftmaxCrossEntropy([.. Enumerable.Range(0, rows).Select(row => row % 3)]);
                tape.Backward(loss);
                optimizer.Step();
                optimizer.ZeroGradients();
            }
            if (graph is null)
            {
                Run();
            }
            else
            {
                graph.Run(Run);
            }
            numbers.Add(loss.Item());
            tape.Reset();
        }
        numbers.AddRange(model.Parameters.SelectMany(parameter => parameter.ToArray()));
        replays = graph?.Replays ?? 0;
        return [.. numbers];
    }
}
