namespace MiniGrad.Ops;

/// <summary>
/// How the features of a product, the gates of H features each, fall into groups that share statistics: <paramref name="Lead"/> features
/// first, then every gate by itself.
/// </summary>
/// <param name="Hidden">H.</param>
/// <param name="Features">All gates together.</param>
/// <param name="Lead">The features of the first group, a multiple of H.</param>
internal readonly record struct GateGroups(int Hidden, int Features, int Lead)
{
    /// <summary>The number of groups.</summary>
    public int Count => 1 + ((Features - Lead) / Hidden);

    /// <summary>Where a group starts.</summary>
    public int Start(int group) => group == 0 ? 0 : Lead + ((group - 1) * Hidden);

    /// <summary>How many features it has.</summary>
    public int Length(int group) => group == 0 ? Lead : Hidden;

    /// <summary>One group of all features.</summary>
    public static GateGroups One(int features) => new(features, features, features);

    /// <summary>The groups of a cell.</summary>
    /// <param name="hidden">H.</param>
    /// <param name="gates">The gates of a product, the candidate included.</param>
    /// <param name="fused">How many of them share statistics under <see cref="GateScope.Fused"/>.</param>
    /// <param name="scope">The choice.</param>
    public static GateGroups Of(int hidden, int gates, int fused, GateScope scope) => new(hidden, gates * hidden, hidden * scope switch
    {
        GateScope.PerGate => 1,
        GateScope.Product => gates,
        _ => fused,
    });
}
