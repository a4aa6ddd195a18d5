using MiniGrad.Backends;

namespace MiniGrad.PeerBenchmarks;

/// <summary>A task that MiniGrad and its peers do alike, such as one matrix product.</summary>
/// <remarks>Made without work or memory, since the process of the tuned libtorch makes all cases to find one.</remarks>
/// <param name="name">As in the rows, beginning with the group.</param>
internal abstract class PeerCase(string name)
{
    public string Name => name;

    /// <summary>Whether a step starts a process: then there is no tuned libtorch, and threads are the process's business.</summary>
    public virtual bool HasOwnProcesses => false;

    /// <param name="name">What MiniGrad is called: it is its own peer with another number of threads.</param>
    /// <param name="backend">Where it runs.</param>
    public abstract Contestant MiniGrad(string name, IBackend<float> backend);

    /// <summary>libtorch; null where it has no such task.</summary>
    public virtual Contestant? Torch() => null;

    /// <summary>Peers other than libtorch. The backend lends them memory.</summary>
    public virtual IEnumerable<Contestant> Others(IBackend<float> backend) => [];

    /// <summary>A bare loop that the hardware lets nobody pass, scaled to the work of one step; null where none is known.</summary>
    public virtual Contestant? Limit(IBackend<float> backend, int threads) => null;

    /// <summary>Figures of MiniGrad beside ratios.</summary>
    /// <param name="backend">Where it runs.</param>
    /// <param name="rows">The times.</param>
    public virtual IEnumerable<Fact> Facts(IBackend<float> backend, IReadOnlyList<Row> rows) => [];
}

/// <summary>A contestant computed something else than its task.</summary>
internal sealed class WrongResultException(string message) : Exception(message)
{
    /// <summary>Compares an array with what it should be, relative to the largest element.</summary>
    /// <exception cref="WrongResultException">They differ by more than <paramref name="tolerance"/>.</exception>
    public static void Require(string what, ReadOnlySpan<float> got, ReadOnlySpan<double> want, double tolerance)
    {
        double worst = got.Length == want.Length ? 0 : double.NaN, largest = 0;
        for (int i = 0; i < Math.Min(got.Length, want.Length); i++)
        {
            worst = Math.Max(worst, Math.Abs(got[i] - want[i]));
            largest = Math.Max(largest, Math.Abs(want[i]));
        }
        if (!(worst <= tolerance * largest))
        {
            throw new WrongResultException($"{what} is wrong by {worst / largest:G3} of its largest element, more than {tolerance:G3}");
        }
    }
}
