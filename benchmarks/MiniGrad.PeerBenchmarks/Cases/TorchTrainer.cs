using TorchSharp;
using static TorchSharp.torch;

namespace MiniGrad.PeerBenchmarks;

/// <summary>libtorch's training steps on one fixed batch, by TorchSharp's modules and optimizers.</summary>
internal abstract class TorchTrainer : IDisposable
{
    protected abstract optim.Optimizer Optimizer { get; }

    public void Step()
    {
        using DisposeScope scope = NewDisposeScope();
        Learn(FreshLoss());
    }

    /// <summary>Steps, and the loss before each.</summary>
    public float[] Losses(int steps)
    {
        float[] losses = new float[steps];
        for (int step = 0; step < steps; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor loss = FreshLoss();
            losses[step] = loss.item<float>();
            Learn(loss);
        }
        return losses;
    }

    public abstract void Dispose();

    /// <summary>The network's loss on the batch.</summary>
    protected abstract Tensor Loss();

    private Tensor FreshLoss()
    {
        Optimizer.zero_grad();
        return Loss();
    }

    private void Learn(Tensor loss)
    {
        loss.backward();
        Optimizer.step();
    }
}
