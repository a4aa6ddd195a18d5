using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = s(x) = 1 / (1 + e^-x). dx = y (1 - y) dy, from s' = s (1 - s). Saves y, of which the derivative is a polynomial.
/// </summary>
/// <remarks>
/// e^-x overflows far below 0, so both signs are computed from e = e^-|x| &lt;= 1: 1 / (1 + e) for x &gt; 0 and e / (1 + e) else, which
/// are equal in exact arithmetic and keep full relative accuracy on both sides.
/// </remarks>
public static class SigmoidExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The logistic function 1 / (1 + e^-x), element by element.</summary>
        [GradCheck("3x5", Low = -3, High = 3)]
        public Tensor<T> Sigmoid() => x.Map(default(SigmoidOp<T>));
    }
}

internal readonly struct SigmoidOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Output;

    /// <summary>s(x), for the other formulas that are made of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Value<V>(V x)
        where V : struct, IReal<V, T>
    {
        // -|x| by selection, not by Abs: at x = 0 it has the slope of the branch chosen below, so that dual numbers get s'(0) = 1/4.
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), e = V.Exp(V.SelectGreater(x, zero, -x, x));
        return V.SelectGreater(x, zero, one, e) / (one + e);
    }

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => Value(x);

    public V Vjp<V>(V y, V dy)
        where V : struct, IReal<V, T> => y * (V.Splat(T.One) - y) * dy;
}
