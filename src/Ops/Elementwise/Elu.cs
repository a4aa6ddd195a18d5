using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = x where x &gt; 0, else alpha (e^x - 1) (Clevert, Unterthiner, Hochreiter 2015). dx = dy where x &gt; 0, else alpha e^x dy = (y +
/// alpha) dy. Saves y, which spares the exponential.
/// </summary>
public static class EluExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Every element if it is positive, else <paramref name="alpha"/> (e^x - 1).</summary>
        /// <param name="alpha">Minus the limit far below 0; not negative.</param>
        /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative: y would not tell on which side x
        /// was.</exception>
        [GradCheck("3x5", Low = -2, High = 2, AwayFromZero = 0.1)]
        public Tensor<T> Elu(double alpha = 1)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(alpha);
            return x.Map(new EluOp<T>(T.CreateTruncating(alpha)));
        }
    }
}

internal readonly struct EluOp<T>(T alpha) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Output;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.SelectGreater(x, V.Splat(T.Zero), x, V.Splat(alpha) * V.ExpM1(x));

    public V Vjp<V>(V y, V dy)
        where V : struct, IReal<V, T> => V.SelectGreater(y, V.Splat(T.Zero), dy, (y + V.Splat(alpha)) * dy);
}
