namespace MiniGrad.Ops;

/// <summary>
/// Which statistics of a normalization backward treats as constants: "DetachNorm" of Xu et al. 2019, to measure what their derivatives do.
/// </summary>
[Flags]
public enum DetachedStatistics
{
    /// <summary>Neither: the true gradient.</summary>
    None = 0,

    /// <summary>The mean: dx keeps its component along (1, ..., 1).</summary>
    Mean = 1,

    /// <summary>The reciprocal standard deviation: dx keeps its component along xHat.</summary>
    Rstd = 2,

    /// <summary>Mean and reciprocal standard deviation: dx = rstd gain dy.</summary>
    Both = Mean | Rstd,
}
