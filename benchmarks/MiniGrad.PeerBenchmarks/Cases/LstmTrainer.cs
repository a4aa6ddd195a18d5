using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.PeerBenchmarks;

/// <summary>MiniGrad's training steps.</summary>
internal sealed class LstmTrainer<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly LstmSetup setup;
    private readonly Lstm<T> model;
    private readonly Adam<T> optimizer;
    private readonly Tape<T> tape;
    private readonly T[] x, target;

    public LstmTrainer(IBackend<T> backend, LstmSetup setup, double learningRate)
    {
        this.setup = setup;
        model = setup.Model(backend);
        IReadOnlyDictionary<string, float[]> initial = setup.InitialParameters();
        foreach ((string path, Parameter<T> parameter) in model.NamedParameters)
        {
            parameter.Set([.. initial[path].Select(T.CreateChecked)]);
        }
        optimizer = new Adam<T>(model.Parameters, learningRate);
        tape = new Tape<T>(backend);
        x = [.. setup.X.Select(T.CreateChecked)];
        target = [.. setup.Target.Select(T.CreateChecked)];
    }

    /// <summary>Steps of a segment that backward computes again instead of keeping it; 0 to keep all.</summary>
    public int SegmentLength { set => model.SegmentLength = value; }

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

    private Tensor<T> Loss() =>
        model.Forward(tape.Constant(x, setup.InputShape)).MeanSquaredError(tape.Constant(target, setup.OutputShape));

    private void Learn(Tensor<T> loss)
    {
        tape.Backward(loss);
        optimizer.Step();
        optimizer.ZeroGradients();
    }
}
