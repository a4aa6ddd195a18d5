namespace MiniGrad.Ops;

/// <summary>How the summed inputs of a layer are normalized: what the comparison compares.</summary>
public enum NormalizationScheme
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Each feature over the batch, by its biased variance.</summary>
    Batch,

    /// <summary>Each feature over the batch, by its unbiased variance: the layer-norm paper's choice for batches of 4.</summary>
    BatchUnbiased,

    /// <summary>All features of a case.</summary>
    Layer,

    /// <summary>The weights of each unit, instead of what they make.</summary>
    Weight,

    /// <summary>All features of a case, by their root mean square alone.</summary>
    Rms,

    /// <summary>Groups of features of a case.</summary>
    Group,

    /// <summary>As <see cref="Layer"/>, without gain and bias ("LN-simple").</summary>
    LayerSimple,

    /// <summary>As <see cref="Layer"/>; backward takes the mean for a constant.</summary>
    LayerDetachedMean,

    /// <summary>As <see cref="Layer"/>; backward takes the standard deviation for a constant.</summary>
    LayerDetachedRstd,

    /// <summary>As <see cref="Layer"/>; backward takes both for constants ("DetachNorm").</summary>
    LayerDetached,
}
