using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = min(max(x, low), high). dx = dy where low &lt;= x &lt;= high, bounds included as in libtorch, else 0: beyond them y does not move.
/// Saves x.
/// </summary>
public static class ClipExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Every element, limited to the range from <paramref name="low"/> to <paramref name="high"/>; NaN stays.</summary>
        /// <exception cref="ArgumentException"><paramref name="low"/> is above <paramref name="high"/>, or one is NaN.</exception>
        public Tensor<T> Clip(T low, T high) => low <= high ? x.Map(new ClipOp<T>(low, high))
            : throw new ArgumentException($"Clip: the range from {low} to {high} is empty; give the lower bound first.");
    }

    [GradCheck("3x5", AwayFromZero = 0.6)]
    [GradCheck("4x2", Low = -0.4, High = 0.4)]
    private static Tensor<T> ClipToHalf<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Clip(T.CreateTruncating(-0.5), T.CreateTruncating(0.5));
}

internal readonly struct ClipOp<T>(T low, T high) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Min(V.Max(x, V.Splat(low)), V.Splat(high));

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero);
        return V.SelectGreater(V.Splat(low), x, zero, V.SelectGreater(x, V.Splat(high), zero, dy));
    }
}
