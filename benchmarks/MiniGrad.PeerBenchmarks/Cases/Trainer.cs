using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.PeerBenchmarks;

/// <summary>MiniGrad's training steps. Owns the model and the optimizer.</summary>
/// <param name="backend">Where the model is.</param>
/// <param name="model">What is trained.</param>
/// <param name="optimizer">Of its parameters.</param>
/// <param name="loss">Makes the loss anew.</param>
internal sealed class Trainer<T>(IBackend<T> backend, Module<T> model, Optimizer<T> optimizer, Func<Tape<T>, Tensor<T>> loss) : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Tape<T> tape = new(backend);

    public void Step() => Learn(loss(tape));

    /// <summary>Steps, and the loss before each.</summary>
    public T[] Losses(int steps)
    {
        T[] losses = new T[steps];
        for (int step = 0; step < steps; step++)
        {
            Tensor<T> now = loss(tape);
            losses[step] = now.Item();
            Learn(now);
        }
        return losses;
    }

    public void Dispose()
    {
        tape.Dispose();
        optimizer.Dispose();
        model.Dispose();
    }

    private void Learn(Tensor<T> now)
    {
        tape.Backward(now);
        optimizer.Step();
        optimizer.ZeroGradients();
        tape.Reset();
    }
}
