using System.Numerics;

namespace MiniGrad.Ops;

/// <summary>
/// Layer or RMS normalization of the gates of every row, from plain ops: each group of <see cref="GateGroups"/> by itself, then gain and
/// shift of each feature.
/// </summary>
internal static class RowNorm
{
    /// <summary>gain xHat + shift, for rows of as many features as the groups have.</summary>
    public static Tensor<T> Apply<T>(Tensor<T> a, Tensor<T> gain, Tensor<T> shift, GateGroups groups, RecurrentOptions options)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        bool isLayer = options.Normalization == RecurrentNormalization.Layer;
        bool isInside = options.EpsilonPlacement == EpsilonPlacement.InsideRoot;
        if (isInside && isLayer && groups.Length(0) * groups.Count == groups.Features)
        {
            return LayerNormNode<T>.Apply("LayerNorm", [a, gain, shift], groups.Count, options.Epsilon, DetachedStatistics.None);
        }
        if (groups.Count == 1)
        {
            return isInside && !isLayer
                ? a.RmsNorm(gain, shift, options.Epsilon)
                : (gain * Standardize(a, isLayer, isInside, options.Epsilon)) + shift;
        }
        Tensor<T>[] parts = new Tensor<T>[groups.Count];
        for (int i = 0; i < parts.Length; i++)
        {
            int start = groups.Start(i), length = groups.Length(i);
            parts[i] = Apply(
                a.Slice(-1, start, length), gain.Slice(0, start, length), shift.Slice(0, start, length), GateGroups.One(length), options);
        }
        return Tensor<T>.Concat(parts, -1);
    }

    private static Tensor<T> Standardize<T>(Tensor<T> a, bool isLayer, bool isInside, double epsilon)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T small = T.CreateTruncating(epsilon);
        Tensor<T> centered = isLayer ? a - a.Mean([-1], keepDims: true) : a, power = (centered * centered).Mean([-1], keepDims: true);
        return centered / (isInside ? (power + small).Sqrt() : Root(power) + small);
    }

    // The least number there is stands in for 0: its root is lost beside epsilon, and Maximum hands no gradient to the smaller operand.
    private static Tensor<T> Root<T>(Tensor<T> power)
        where T : unmanaged, IFloatingPointIeee754<T> => power.Maximum(power.Tape.Filled(Shape.Scalar, T.Epsilon)).Sqrt();
}
