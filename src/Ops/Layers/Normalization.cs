using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>Normalizes activations by a scheme, then applies the gain (1 at first) and bias (0) of each feature.</summary>
public sealed class Normalization<T> : Layer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const double Epsilon = 1e-5;

    private readonly NormalizationScheme scheme;
    private readonly int groups;
    private readonly Parameter<T>? gain, bias, runningMean, runningVariance;

    /// <summary>A normalization of <paramref name="features"/> numbers per case.</summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="scheme">Which one.</param>
    /// <param name="features">D, the last extent of what is normalized.</param>
    /// <param name="groups">How many groups <see cref="NormalizationScheme.Group"/> makes of the features; it must divide them.</param>
    /// <exception cref="ArgumentException">The scheme does not act on activations (<see cref="AppliesTo"/>).</exception>
    public Normalization(IBackend<T> backend, NormalizationScheme scheme, int features, int groups = 8)
    {
        if (!AppliesTo(scheme))
        {
            throw new ArgumentException(
                $"Normalization: the scheme {scheme} does not normalize activations, so that it needs no such layer.");
        }
        (this.scheme, this.groups) = (scheme, groups);
        if (scheme != NormalizationScheme.LayerSimple)
        {
            gain = Add(new Parameter<T>(backend, "gain", new Shape(features)).FillConstant(1));
            bias = Add(new Parameter<T>(backend, "bias", new Shape(features)));
        }
        if (scheme is NormalizationScheme.Batch or NormalizationScheme.BatchUnbiased)
        {
            runningMean = AddState(new Parameter<T>(backend, "runningMean", new Shape(features)));
            runningVariance = AddState(new Parameter<T>(backend, "runningVariance", new Shape(features)).FillConstant(1));
        }
    }

    /// <summary>
    /// Whether a scheme normalizes activations: all do but <see cref="NormalizationScheme.None"/> and <see
    /// cref="NormalizationScheme.Weight"/>.
    /// </summary>
    public static bool AppliesTo(NormalizationScheme scheme) => scheme is not (NormalizationScheme.None or NormalizationScheme.Weight);

    /// <inheritdoc/>
    public override Tensor<T> Forward(Tensor<T> x, Phase phase = Phase.Training)
    {
        if (gain is null || bias is null)
        {
            return x.LayerNorm(Epsilon);
        }
        Tensor<T> g = x.Tape.Watch(gain), b = x.Tape.Watch(bias);
        return scheme switch
        {
            NormalizationScheme.Batch => BatchNorm(x, g, b, BatchVariance.Biased, phase),
            NormalizationScheme.BatchUnbiased => BatchNorm(x, g, b, BatchVariance.Unbiased, phase),
            NormalizationScheme.Rms => x.RmsNorm(g, b, Epsilon),
            NormalizationScheme.Group => x.GroupNorm(groups, g, b, Epsilon),
            NormalizationScheme.LayerDetachedMean => x.LayerNorm(g, b, Epsilon, DetachedStatistics.Mean),
            NormalizationScheme.LayerDetachedRstd => x.LayerNorm(g, b, Epsilon, DetachedStatistics.Rstd),
            NormalizationScheme.LayerDetached => x.LayerNorm(g, b, Epsilon, DetachedStatistics.Both),
            _ => x.LayerNorm(g, b, Epsilon),
        };
    }

    private Tensor<T> BatchNorm(Tensor<T> x, Tensor<T> g, Tensor<T> b, BatchVariance variance, Phase phase)
    {
        RunningStatistics<T> running = new(runningMean!.Value, runningVariance!.Value);
        return phase == Phase.Training ? x.BatchNorm(g, b, Epsilon, variance, running) : x.BatchNormEvaluation(g, b, running, Epsilon);
    }
}
