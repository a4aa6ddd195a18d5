using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Cuda.Tests;

/// <summary>Steps launched as graphs give bit for bit what they give one by one.</summary>
public class StepGraphTests : DeviceTest
{
    private const int Steps = 12, Learned = 2, Settling = 1; // In the second step memory may still lie elsewhere than in the first.

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_graph_changes_no_bit_of_a_perceptron_with_dropout(bool lazy)
    {
        SoftwareDevice.Configure(lazy);
        AssertSameBits(Steps - Learned, (backend, whole) => TrainMlp(backend, whole, _ => 5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_graph_changes_no_bit_of_a_recurrent_network(bool lazy)
    {
        SoftwareDevice.Configure(lazy);
        AssertSameBits(Steps - Learned - Settling, (backend, whole) => TrainLstm(backend, whole, longestGradient: null));
    }

    /// <summary>Clipping waits for the length: one graph before, one after.</summary>
    [Fact]
    public void A_step_that_clips_gradients_is_two_graphs() =>
        AssertSameBits(Steps - Learned - Settling, (backend, whole) => TrainLstm(backend, whole, longestGradient: 1e-3));

    /// <summary>Only now and then: what comes after the wait differs.</summary>
    [Fact]
    public void A_step_that_clips_at_times_is_queued_in_order() =>
        AssertSameBits(0, (backend, whole) => TrainLstm(backend, whole, longestGradient: 0.85));

    [Fact]
    public void Another_shape_is_queued_one_by_one_and_learned_anew() =>
        AssertSameBits(Steps - (3 * Learned), (backend, whole) => TrainMlp(backend, whole, step => step is 4 or 5 ? 3 : 5));

    [Fact]
    public void A_step_that_reads_numbers_reads_those_of_its_own_work()
    {
        using CudaBackend<float> backend = Create<float>();
        using Scratch<float> memory = backend.Pool.RentScratch<float>(1);
        float[] read = new float[1];
        for (int step = 0; step < 6; step++)
        {
            using (backend.BeginStep())
            {
                for (int part = 0; part < 3; part++)
                {
                    backend.Fill(memory.Buffer, (10 * step) + part);
                    backend.Download(memory.Buffer, read);
                    Assert.Equal((10 * step) + part, read[0]);
                }
            }
        }
        Assert.Equal(6 - Learned, CudaBackend.GraphLaunches(backend));
    }

    [Fact]
    public void A_step_that_throws_leaves_the_backend_working()
    {
        using CudaBackend<float> backend = Create<float>();
        using Scratch<float> memory = backend.Pool.RentScratch<float>(1);
        float[] read = new float[1];
        for (int step = 0; step < 6; step++)
        {
            Assert.Throws<InvalidOperationException>(Fail);
            backend.Download(memory.Buffer, read);
            Assert.Equal(step, read[0]);

            void Fail()
            {
                using (backend.BeginStep())
                {
                    backend.Fill(memory.Buffer, step);
                    throw new InvalidOperationException();
                }
            }
        }
    }

    [Fact]
    public void A_step_inside_another_is_refused()
    {
        using CudaBackend<float> backend = Create<float>();
        using (backend.BeginStep())
        {
            Assert.Throws<InvalidOperationException>(() => { backend.BeginStep(); });
        }
    }

    /// <summary>Who asks which kernel fails gets them one by one.</summary>
    [Fact]
    public void Synchronous_launches_are_not_held_back()
    {
        using CudaBackend<float> backend = Create<float>(new CudaOptions { Synchronous = true });
        Assert.Null(backend.BeginStep());
    }

    [Fact]
    public void A_processor_has_no_graphs()
    {
        using IBackend<float> cpu = Ops.Cpu.CpuBackend.Create<float>(1);
        Assert.Null(cpu.BeginStep());
        Assert.Null(CudaBackend.GraphLaunches(cpu));
    }

    private static void AssertSameBits(int leastLaunches, Func<IBackend<float>, bool, float[]> train)
    {
        using CudaBackend<float> plain = Create<float>(), graphs = Create<float>();
        Assert.Equal(train(plain, false), train(graphs, true));
        Assert.Equal(0, CudaBackend.GraphLaunches(plain));
        Assert.InRange(CudaBackend.GraphLaunches(graphs)!.Value, leastLaunches, Steps - Learned);
    }

    /// <summary>The losses and weights of a network with dropout under Adam: masks and rates differ at every step.</summary>
    private static float[] TrainMlp(IBackend<float> backend, bool whole, Func<int, int> rowsOf)
    {
        using Mlp<float> model = new(backend, 7, [6], 3, new Philox(1), NormalizationScheme.Layer, Activation.Tanh);
        Philox random = new(2), masks = new(3);
        return Train(backend, whole, model, null, (tape, step) =>
        {
            int rows = rowsOf(step);
            float[] x = new float[rows * 7];
            random.Normal<float>(x);
            Tensor<float> input = tape.Constant(x, new Shape(rows, 7)).Dropout(0.3, masks);
            return model.Forward(input, Phase.Training).SoftmaxCrossEntropy([.. Enumerable.Range(0, rows).Select(row => row % 3)]);
        });
    }

    /// <summary>The same of a layer-normalized LSTM that carries its state from step to step.</summary>
    private static float[] TrainLstm(IBackend<float> backend, bool whole, double? longestGradient)
    {
        using Lstm<float> model = new(backend, 4, 5, new Philox(1), RecurrentPresets.Paper, outputs: 3);
        using CarriedState<float> state = new(model, backend, 2);
        Philox random = new(2);
        return Train(backend, whole, model, longestGradient, (tape, _) =>
        {
            float[] x = new float[3 * 2 * 4];
            random.Normal<float>(x);
            Span<RecurrentState<float>> states = state.Load(tape);
            Tensor<float> scores = model.Forward(tape.Constant(x, new Shape(3, 2, 4)), states);
            state.Save(states);
            return scores.Reshape(6, 3).SoftmaxCrossEntropy([0, 1, 2, 0, 1, 2]);
        });
    }

    private static float[] Train(
        IBackend<float> backend, bool whole, Module<float> model, double? longestGradient, Func<Tape<float>, int, Tensor<float>> lossOf)
    {
        using Adam<float> optimizer = new(model.Parameters, 0.01);
        using Tape<float> tape = new(backend);
        List<float> numbers = [];
        for (int step = 0; step < Steps; step++)
        {
            Tensor<float> loss;
            using (whole ? backend.BeginStep() : null)
            {
                loss = lossOf(tape, step);
                tape.Backward(loss);
                if (longestGradient is { } longest)
                {
                    model.Parameters.ClipGradientNorm(longest);
                }
                optimizer.Step();
                optimizer.ZeroGradients();
            }
            numbers.Add(loss.Item());
            tape.Reset();
        }
        numbers.AddRange(model.Parameters.SelectMany(parameter => parameter.ToArray()));
        return [.. numbers];
    }
}
