using System.Text.RegularExpressions;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.PeerBenchmarks;

/// <summary>What a figure of a case is to reach.</summary>
/// <param name="Cases">A regular expression for the whole name of the case.</param>
/// <param name="Measure">A peer (the bound is of the ratio), <see cref="Limit"/>, or the name of a fact.</param>
/// <param name="Bound">The least value; the greatest if <see cref="IsUpperBound"/>.</param>
internal sealed record Goal(string Cases, string Measure, double Bound)
{
    /// <summary>The measure that is the percentage of the machine's limit.</summary>
    public const string Limit = "% of limit";

    /// <summary>Whether less is better: of times and memory, not of ratios.</summary>
    public bool IsUpperBound { get; init; }

    /// <summary>Only where the peer takes longer, in microseconds.</summary>
    public double AbovePeerUs { get; init; }

    /// <summary>The goals at the processor's full width.</summary>
    private static readonly Goal[] FullWidth =
    [
        .. Each(
            "gemm/square/(256|512|1024|2048)|gemm/../128x(784|1000)x1000",
            (Limit, 94), ("onednn", 1.0), ("torch+tuned", 1.0), ("torch", 2.3)),
        .. Each("gemm/../64x.*", (Limit, 88)),
        .. Each("gemm/(fw|dw)/64x.*", ("onednn", 1.0)),
        .. Each("gemm/dx/64x.*", ("onednn", 1.35)),
        .. Each("gemm/(fw|dw)/[48]x.*", ("onednn", 1.0)),
        .. Each("gemm/dx/[48]x.*", ("onednn", 1.6)),
        .. Each("gemm/../[48]x.*", ("torch", 2.7)),
        .. Each("gemm/../.*x10", ("onednn", 1.2)),
        .. Each("gemm/square/(32|64|128)", ("torch", 0.95), ("torch+tuned", 0.95), ("onednn", 0.95), ("openblas-skx", 0.95)),
        .. Each("layernorm/bw/(128x1000|64x2048)", ("torch", 3.5)),
        .. Each("layernorm/bw/4x1000", ("torch", 20)),
        .. Each("layernorm/bw/64x400", ("torch", 5)),
        .. Each("layernorm/bw/(4096|32768)x.*", (Limit, 75)),
        .. Each("layernorm/bw/32768x768", ("torch", 6), ("torch+tuned", 1.3)),
        .. Each("layernorm/fw/128x1000", ("torch", 3)),
        .. Each("layernorm/fw/4x1000", ("torch", 6)),
        .. Each("layernorm/fw/(4096|32768)x.*", (Limit, 70)),
        .. Each("batchnorm/fw/128x1000", ("torch", 4)),
        .. Each("batchnorm/bw/128x1000", ("torch", 3.5)),
        .. Each("rmsnorm/.*", (NormCase.LayerNormPeer, 1.0)),
        .. Each("mlp/b128/sgd/.*", ("torch", 2.6), ("torch+tuned", 1.35), (Limit, 85), (MlpCase.NoNormPeer, 0.96)),
        .. Each("mlp/b128/adam/.*", ("torch", 3.4), ("torch+tuned", 1.6)),
        .. Each("mlp/b4/sgd/.*", ("torch", 4), ("torch+tuned", 3)),
        .. Each("mlp/b4/adam/.*", ("torch", 5), ("torch+tuned", 4)),
        .. Each("lstm/h256.*/none", ("torch", 1.8), ("torch+tuned", 1.2)),
        .. Each("lstm/h(512|400).*/none", ("torch", 1.45), ("torch+tuned", 1.15)),
        .. Each("lstm/h.*/none", (Limit, 78)),
        .. Each("lstm/h256.*/layer", ("torch", 2.7), ("torch+tuned", 1.6)),
        .. Each("lstm/h512.*/layer", ("torch", 2.8), ("torch+tuned", 1.5)),
        .. Each("lstm/h400.*/layer", ("torch", 3.5), ("torch+tuned", 1.9)),
        .. Each("lstm/h.*/layer", (LstmCase.PlainPeer, 1.0), (LstmCase.NoNormPeer, 1 / 1.12)),
        .. Each("lstm/h.*/(batch|rms|weight)", (LstmCase.LayerNormPeer, 1 / 1.15)),
        new("lstm/memory/.*", LstmMemoryCase.AgainstHalf, 2.05) { IsUpperBound = true },
        new("lstm/memory/.*", LstmMemoryCase.Recomputed, 0.4) { IsUpperBound = true },
        .. Each("overhead/(add|mul|tanh)4", ("torch", 30)),
        new("overhead/(add|mul|tanh)4", Fact.NanosecondsPerOp, 120) { IsUpperBound = true },
        new("overhead/.*", Fact.Allocated, 0) { IsUpperBound = true },
        .. Each("startup", ("torch", 3)),
        new("startup", StartupCase.Milliseconds, 80) { IsUpperBound = true },
        new("startup", StartupCase.PeakMemory, 45) { IsUpperBound = true },
        new("startup", StartupCase.AheadOfTimeMilliseconds, 10) { IsUpperBound = true },
    ];

    /// <summary>The goals with vectors of 256 bits, which libtorch as installed has on some processors too.</summary>
    private static readonly Goal[] HalfWidth =
    [
        .. Each("gemm/square/512", (Limit, 94)),
        .. Each("gemm/.*", ("torch", 1.0)),
    ];

    /// <summary>What a second thread is to bring: much in long cases, and no loss beyond the noise of a measurement.</summary>
    private static readonly Goal[] SeveralThreads =
    [
        new(".*", Match.OneThread, 0.97),
        new(".*", Match.OneThread, 1.85) { AbovePeerUs = 1000 },
    ];

    /// <summary>The goals of a run; none for the scalar width, which is there for tests.</summary>
    public static IReadOnlyList<Goal> Of(SimdWidth width, int threads) =>
    [
        .. width switch { SimdWidth.Bits512 => FullWidth, SimdWidth.Bits256 => HalfWidth, _ => [] },
        .. threads > 1 ? SeveralThreads : [],
    ];

    /// <param name="name">The case.</param>
    /// <param name="measure">The figure's name.</param>
    /// <param name="peerUs">The peer's time, if the figure is a ratio.</param>
    public bool AppliesTo(string name, string measure, double? peerUs) =>
        measure == Measure && (AbovePeerUs == 0 || peerUs > AbovePeerUs) && Regex.IsMatch(name, $"^({Cases})$");

    public bool IsMetBy(double value) => IsUpperBound ? value <= Bound : value >= Bound;

    private static IEnumerable<Goal> Each(string cases, params (string Measure, double Bound)[] bounds) =>
        bounds.Select(bound => new Goal(cases, bound.Measure, bound.Bound));
}
