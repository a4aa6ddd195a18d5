namespace MiniGrad.PeerBenchmarks;

/// <summary>The groups of cases that --only chooses from.</summary>
internal static class Groups
{
    private static readonly Dictionary<string, Func<IEnumerable<PeerCase>>> ByName = new()
    {
        ["gemm"] = GemmCases.All,
        ["norm"] = NormCases.All,
        ["mlp"] = MlpCases.All,
        ["lstm"] = LstmCases.All,
        ["overhead"] = OverheadCases.All,
        ["startup"] = StartupCase.All,
    };

    public static IEnumerable<string> Names => ByName.Keys;

    /// <summary>The cases of these groups, or of all if none is named.</summary>
    public static IEnumerable<PeerCase> Cases(IReadOnlyCollection<string> groups) =>
        ByName.Where(group => groups.Count == 0 || groups.Contains(group.Key)).SelectMany(group => group.Value());
}
