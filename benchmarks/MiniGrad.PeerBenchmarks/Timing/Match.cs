using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.PeerBenchmarks;

/// <summary>Times the contestants of a case against each other.</summary>
/// <remarks>
/// They take turns, so that whatever disturbs the machine disturbs all alike, and every time is the median over all turns. Between turns
/// the process sleeps, so that the waiting workers of one library, which spin for a while, do not take a core from the next.
/// </remarks>
internal sealed class Match(Options options, TunedTorch tuned)
{
    /// <summary>MiniGrad on one thread, as a peer of MiniGrad on several.</summary>
    public const string OneThread = "minigrad-1t";

    // The runtime compiles a hot method again, optimized, some 100 ms after its 30th call.
    private const double WarmUpMilliseconds = 300;

    private const int SettleMilliseconds = 5;
    private const int SettleWorkersMilliseconds = 60;

    /// <summary>Checks the result of every contestant, then times it.</summary>
    /// <exception cref="WrongResultException">MiniGrad's own result is wrong.</exception>
    public CaseResult Play(PeerCase peerCase)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(options.Threads), single = CpuBackend.Create<float>(1);
        List<Contestant> contestants = [];
        try
        {
            contestants.Add(peerCase.MiniGrad("minigrad", backend));
            if (contestants[0].Absence is { } reason)
            {
                throw new InvalidOperationException($"{peerCase.Name}: MiniGrad {reason}.");
            }
            contestants[0].Verify();
            foreach (Contestant peer in Peers(peerCase, backend, single))
            {
                contestants.Add(Verified(peer));
            }
            int peers = contestants.Count - 1;
            if (peerCase.Limit(backend, options.Threads) is { } limit)
            {
                contestants.Add(limit);
            }
            return Result(peerCase, backend, contestants.GetRange(1, peers), Times(contestants));
        }
        finally
        {
            contestants.ForEach(contestant => contestant.Dispose());
        }
    }

    private IEnumerable<Contestant> Peers(PeerCase peerCase, IBackend<float> backend, IBackend<float> single)
    {
        if (options.Threads > 1 && !peerCase.HasOwnProcesses)
        {
            yield return peerCase.MiniGrad(OneThread, single);
        }
        if (peerCase.Torch() is { } torch)
        {
            yield return torch;
            if (!peerCase.HasOwnProcesses)
            {
                yield return tuned.Enter(peerCase);
            }
        }
        foreach (Contestant other in peerCase.Others(backend))
        {
            yield return other;
        }
    }

    private static Contestant Verified(Contestant contestant)
    {
        try
        {
            contestant.Verify();
            return contestant;
        }
        catch (WrongResultException e)
        {
            contestant.Dispose();
            return new AbsentContestant(contestant.Name, e.Message);
        }
    }

    private double[] Times(List<Contestant> contestants)
    {
        contestants.ForEach(contestant => contestant.WarmUp(WarmUpMilliseconds));
        List<double>[] samples = [.. contestants.Select(_ => new List<double>())];
        for (int round = 0; round < options.Rounds; round++)
        {
            for (int turn = 0; turn < contestants.Count; turn++)
            {
                // Backwards in every other round, as it matters who was before: a library's threads, a core that is fast or slow.
                int i = round % 2 == 0 ? turn : contestants.Count - 1 - turn;
                Thread.Sleep(options.Threads > 1 ? SettleWorkersMilliseconds : SettleMilliseconds);
                samples[i].AddRange(contestants[i].TakeTurn(options.Milliseconds));
            }
        }
        return [.. samples.Select(Median)];
    }

    // The times are of MiniGrad, the peers and, if there is one, the limit.
    private static CaseResult Result(PeerCase peerCase, IBackend<float> backend, List<Contestant> peers, double[] times)
    {
        double minigrad = times[0];
        double? percent = times.Length > peers.Count + 1 ? 100 * times[^1] / minigrad : null;
        List<Row> rows = [];
        Dictionary<string, string> absences = [];
        for (int i = 0; i < peers.Count; i++)
        {
            double? time = peers[i].Absence is null ? times[i + 1] : null;
            rows.Add(new Row(peerCase.Name, minigrad, peers[i].Name, time, time / minigrad, percent));
            if (peers[i].Absence is { } reason)
            {
                absences[peers[i].Name] = reason;
            }
        }
        return new CaseResult(peerCase.Name, minigrad, rows, absences, percent, [.. peerCase.Facts(backend, rows)]);
    }

    private static double Median(List<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length == 0 ? double.NaN : sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
