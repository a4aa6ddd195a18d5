using System.Text.Encodings.Web;
using System.Text.Json;

namespace MiniGrad.PeerBenchmarks;

/// <summary>What the JSON file says of one case and one peer. The peer's figures are null if it is absent.</summary>
/// <param name="Case">The case.</param>
/// <param name="MinigradUs">The median time of MiniGrad's step, in microseconds.</param>
/// <param name="Peer">The peer.</param>
/// <param name="PeerUs">The median time of the peer's step.</param>
/// <param name="Ratio">PeerUs / MinigradUs: above 1, MiniGrad is faster.</param>
/// <param name="PercentOfLimit">How much of the machine's limit MiniGrad reaches: 100 x the limit's time / MinigradUs.</param>
internal sealed record Row(string Case, double MinigradUs, string Peer, double? PeerUs, double? Ratio, double? PercentOfLimit)
{
    // Not escaped: the + of torch+tuned.
    private static readonly JsonSerializerOptions Format =
        new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(string path, IReadOnlyList<Row> rows) => File.WriteAllText(
        path, $"[\n{string.Join(",\n", rows.Select(row => JsonSerializer.Serialize(row, Format)))}\n]\n");
}

/// <summary>A figure beside times.</summary>
/// <param name="Measure">What it is, with its unit.</param>
/// <param name="Value">How much.</param>
internal sealed record Fact(string Measure, double Value)
{
    /// <summary>MiniGrad's time where the goal is a time.</summary>
    public const string NanosecondsPerOp = "ns per op";

    /// <summary>Managed memory that a step takes once warm.</summary>
    public const string Allocated = "bytes per step";
}

/// <summary>Everything measured of one case.</summary>
/// <param name="Name">The case.</param>
/// <param name="MinigradUs">The median time of MiniGrad's step, in microseconds.</param>
/// <param name="Rows">One for each peer.</param>
/// <param name="Absences">Why a peer is absent, by its name.</param>
/// <param name="PercentOfLimit">As in the rows.</param>
/// <param name="Facts">Figures beside times.</param>
internal sealed record CaseResult(
    string Name,
    double MinigradUs,
    IReadOnlyList<Row> Rows,
    IReadOnlyDictionary<string, string> Absences,
    double? PercentOfLimit,
    IReadOnlyList<Fact> Facts);
