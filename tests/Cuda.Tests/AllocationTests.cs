using System.Numerics;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Cuda.Tests;

/// <summary>A warm training step allocates nothing on the managed heap, queued one by one or launched as a graph.</summary>
public class AllocationTests : DeviceTest
{
    private const int WarmUp = 8, Measured = 4, Rows = 6, Inputs = 5, Outputs = 3;

    [Theory]
    [InlineData(NormalizationScheme.None, false)]
    [InlineData(NormalizationScheme.None, true)]
    [InlineData(NormalizationScheme.Layer, false)]
    [InlineData(NormalizationScheme.Layer, true)]
    [InlineData(NormalizationScheme.Batch, false)]
    [InlineData(NormalizationScheme.Batch, true)]
    public void A_step_of_a_perceptron_allocates_nothing(NormalizationScheme scheme, bool whole)
    {
        using CudaBackend<float> backend = Create<float>();
        using Mlp<float> model = new(backend, Inputs, [4], Outputs, new Philox(1), scheme, Activation.Relu);
        AssertAllocatesNothing(
            backend, model, whole, (tape, x) => model.Forward(tape.Constant(x, new Shape(Rows, Inputs)), Phase.Training));
    }

    [Theory]
    [InlineData("none", false)]
    [InlineData("none", true)]
    [InlineData("layer", false)]
    [InlineData("layer", true)]
    public void A_step_of_a_recurrent_network_allocates_nothing(string norm, bool whole)
    {
        using CudaBackend<float> backend = Create<float>();
        using Lstm<float> model = new(backend, Inputs, 4, new Philox(1), Samples.Choices.RecurrentNorm(norm), outputs: Outputs);
        AssertAllocatesNothing(
            backend, model, whole, (tape, x) => model.Forward(tape.Constant(x, new Shape(2, Rows / 2, Inputs))).Reshape(Rows, Outputs));
    }

    private static void AssertAllocatesNothing<T>(
        CudaBackend<T> backend, Module<T> model, bool whole, Func<Tape<T>, T[], Tensor<T>> scoresOf)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using Adam<T> optimizer = new(model.Parameters, 0.01);
        using Tape<T> tape = new(backend);
        T[] x = new T[Rows * Inputs];
        new Philox(2).Normal<T>(x);
        int[] labels = [0, 1, 2, 0, 1, 2];
        void Train(int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                Tensor<T> loss;
                using (whole ? backend.BeginStep() : null)
                {
                    loss = scoresOf(tape, x).SoftmaxCrossEntropy(labels);
                    tape.Backward(loss);
                    model.Parameters.ClipGradientNorm(1);
                    optimizer.Step();
                    optimizer.ZeroGradients();
                }
                loss.Item();
                tape.Reset();
            }
        }
        Train(WarmUp);
        Assert.Equal(0, ManagedHeap.BytesAllocatedBy(() => Train(Measured)));
        Assert.Equal(whole, CudaBackend.GraphLaunches(backend) >= Measured);
    }
}
