using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = max(a, b), broadcast. The larger operand gets dy, the other 0; equal operands get dy / 2 each, as in libtorch. Reads both operands
/// again.
/// </summary>
public static class MaximumExtensions
{
    extension<T>(Tensor<T> a)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The larger of two elements, for operands that broadcast; NaN if either is.</summary>
        /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
        public Tensor<T> Maximum(Tensor<T> b) => a.Zip(b, default(MaximumOp<T>));
    }

    // |a| >= 0.1 and |b| / 20 <= 0.05: no pair is near the kink a = b.
    [GradCheck("3x5", "3x5", AwayFromZero = 0.1)]
    [GradCheck("2x1x5", "3x1", AwayFromZero = 0.1)]
    private static Tensor<T> MaximumApart<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => a.Maximum(b * T.CreateTruncating(0.05));
}

internal readonly struct MaximumOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V a, V b)
        where V : struct, IReal<V, T> => V.Max(a, b);

    public (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero), half = V.Splat(T.CreateTruncating(0.5)) * dy;
        return (V.SelectGreater(a, b, dy, V.SelectGreater(b, a, zero, half)), V.SelectGreater(b, a, dy, V.SelectGreater(a, b, zero, half)));
    }
}
