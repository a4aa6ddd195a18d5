using MiniGrad.Backends;

namespace MiniGrad.PeerBenchmarks;

/// <summary>A task that MiniGrad and its peers do alike, such as one matrix product. The process of the tuned libtorch makes its own.</summary>
/// <param name="name">As in the rows, beginning with the group.</param>
internal abstract class PeerCase(string name)
{
    public string Name => name;

    /// <summary>Whether libtorch takes part a second time, tuned, from a process of its own.</summary>
    public virtual bool HasTunedTorch => true;

    /// <param name="name">What MiniGrad is called: it is its own peer with another number of threads.</param>
    /// <param name="backend">Where it runs.</param>
    public abstract Contestant MiniGrad(string name, IBackend<float> backend);

    /// <summary>libtorch; null where it has no such task.</summary>
    public virtual Contestant? Torch() => null;

    /// <summary>Peers other than libtorch. The backend lends them memory.</summary>
    public virtual IEnumerable<Contestant> Others(IBackend<float> backend) => [];

    /// <summary>A bare loop that the hardware lets nobody pass, scaled to the work of one step; null where none is known.</summary>
    public virtual Contestant? Limit(IBackend<float> backend, int threads) => null;

    /// <summary>Figures beside times, such as bytes allocated: name, unit included, and value.</summary>
    public virtual IEnumerable<(string Measure, double Value)> Facts(IBackend<float> backend) => [];

    /// <summary>Compares a contestant's result with an independent computation.</summary>
    /// <exception cref="WrongResultException">They differ by more than rounding explains.</exception>
    public abstract void Check(float[] result);
}

/// <summary>A contestant computed something else than its task.</summary>
internal sealed class WrongResultException(string message) : Exception(message);
