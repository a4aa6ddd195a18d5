namespace MiniGrad.PeerBenchmarks;

/// <summary>Several ways to do the same: all are checked, and the one that is fastest at the warm-up takes the turns.</summary>
internal sealed class FastestContestant(string name, IReadOnlyList<Contestant> variants) : Contestant(name)
{
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
        // A turn has several steps, and the best of them is little disturbed.
        fastest = variants.MinBy(variant => variant.TakeTurn(milliseconds).Min())!;
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
