using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.PeerBenchmarks;

/// <summary>MiniGrad's training steps.</summary>
internal sealed class MlpTrainer<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Mlp<T> model;
    private readonly Optimizer<T> optimizer;
    private readonly Tape<T> tape;
    private readonly T[] x;
    private readonly int[] labels;
    private readonly Shape shape;

    public MlpTrainer(IBackend<T> backend, MlpSetup setup, double learningRate)
    {
        model = setup.Model(backend);
        foreach ((Parameter<T> parameter, (_, float[] values)) in model.Parameters.Zip(setup.InitialParameters()))
        {
            parameter.Set([.. values.Select(T.CreateChecked)]);
        }
        optimizer = setup.UsesAdam
            ? new Adam<T>(model.Parameters, learningRate) : new Sgd<T>(model.Parameters, learningRate, MlpSetup.Momentum);
        optimizer.FusesProducts = true;
        tape = new Tape<T>(backend);
        x = [.. setup.X.Select(T.CreateChecked)];
        labels = setup.Labels;
        shape = new Shape(setup.Batch, MlpSetup.InputSize);
    }

    public void Step()
    {
        Learn(Loss());
        tape.Reset();
    }

    /// <summary>Steps, and the loss before each.</summary>
    public T[] Losses(int steps)
    {
        T[] losses = new T[steps];
        for (int step = 0; step < steps; step++)
        {
            Tensor<T> loss = Loss();
            losses[step] = loss.Item();
            Learn(loss);
            tape.Reset();
        }
        return losses;
    }

    public void Dispose()
    {
        tape.Dispose();
        optimizer.Dispose();
        model.Dispose();
    }

    private Tensor<T> Loss() => model.Forward(tape.Constant(x, shape)).SoftmaxCrossEntropy(labels);

    private void Learn(Tensor<T> loss)
    {
        tape.Backward(loss);
        optimizer.Step();
        optimizer.ZeroGradients();
    }
}
