using MiniGrad.Backends;

namespace MiniGrad.PeerBenchmarks;

/// <summary>
/// From the start of a process to its first gradient, that of the sum of a 2x2 product, and its end: MiniGrad published ready to run,
/// libtorch by TorchSharp, and MiniGrad compiled ahead of time where that publishes.
/// </summary>
internal sealed class StartupCase() : PeerCase("startup")
{
    public const string AheadOfTimePeer = "minigrad-aot";

    /// <summary>A step's time, the most memory it takes, and its time when compiled ahead of time.</summary>
    public const string Milliseconds = "ms", PeakMemory = "MiB at peak", AheadOfTimeMilliseconds = "ms, ahead of time";

    private const string MiniGradVariant = "minigrad", AheadOfTimeVariant = "aot", TorchVariant = "torch";

    public override bool HasOwnProcesses => true;

    public static IEnumerable<PeerCase> All() => [new StartupCase()];

    public override Contestant MiniGrad(string name, IBackend<float> backend) => Program(name, MiniGradVariant);

    public override Contestant Torch() => Program("torch", TorchVariant);

    public override IEnumerable<Contestant> Others(IBackend<float> backend) => [Program(AheadOfTimePeer, AheadOfTimeVariant)];

    public override IEnumerable<Fact> Facts(IBackend<float> backend, IReadOnlyList<Row> rows)
    {
        yield return new Fact(Milliseconds, rows[0].MinigradUs / 1e3);
        if (StartupPrograms.Publish(MiniGradVariant) is { } program)
        {
            yield return new Fact(PeakMemory, StartupPrograms.PeakMemory(program));
        }
        if (rows.First(row => row.Peer == AheadOfTimePeer).PeerUs is { } aheadOfTime)
        {
            yield return new Fact(AheadOfTimeMilliseconds, aheadOfTime / 1e3);
        }
    }

    private static Contestant Program(string name, string variant) => StartupPrograms.Publish(variant) is { } path
        ? new LocalContestant(name, () => StartupPrograms.Start(path)) : new AbsentContestant(name, "does not publish");
}
