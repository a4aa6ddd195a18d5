using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = min(a, b), broadcast. The smaller operand gets dy, the other 0; equal operands get dy / 2 each, as in libtorch. Reads both operands again.
/// </summary>
public static class MinimumExtensions
{
    extension<T>(Tensor<T> a)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The smaller of two elements, for operands that broadcast; NaN if either is.</summary>
        /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
        [GradCheck("3x5", "3x5")]
        [GradCheck("2x1x5", "3x1")]
        public Tensor<T> Minimum(Tensor<T> b) => a.Zip(b, default(MinimumOp<T>));
    }
}

internal readonly struct MinimumOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V a, V b)
        where V : struct, IReal<V, T> => V.Min(a, b);

    public (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero), half = V.Splat(T.CreateTruncating(0.5)) * dy;
        return (V.SelectGreater(b, a, dy, V.SelectGreater(a, b, zero, half)), V.SelectGreater(a, b, dy, V.SelectGreater(b, a, zero, half)));
    }
}
