namespace MiniGrad.PeerBenchmarks;

/// <summary>Several ways to do the same: all are checked, and the one that is fastest at the warm-up takes the turns.</summary>
internal sealed class FastestContestant(string name, IReadOnlyList<Contestant> variants) : Contestant(name)
{
    private const int Turns = 3;

    private Contestant fastest = variants[0];

    public override void Verify()
    {
        foreach (Contestant variant in variants)
        {
            variant.Verify();
        }
    }

    public override void WarmUp(double milliseconds)
    {
        foreach (Contestant variant in variants)
        {
            variant.WarmUp(milliseconds);
        }
        double[] best = [.. variants.Select(_ => double.PositiveInfinity)];
        for (int turn = 0; turn < Turns; turn++)
        {
            for (int i = 0; i < best.Length; i++)
            {
                best[i] = Math.Min(best[i], variants[i].TakeTurn(milliseconds / Turns).Min());
            }
        }
        fastest = variants[Array.IndexOf(best, best.Min())];
    }

    public override IReadOnlyList<double> TakeTurn(double milliseconds) => fastest.TakeTurn(milliseconds);

    public override void Dispose()
    {
        foreach (Contestant variant in variants)
        {
            variant.Dispose();
        }
    }
}
