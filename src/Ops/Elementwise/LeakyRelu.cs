using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>y = x where x &gt; 0, else slope x. dx = dy where x &gt; 0, else slope dy (also at the kink, as libtorch). Saves x.</summary>
public static class LeakyReluExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Every element if it is positive, else <paramref name="slope"/> times it.</summary>
        [GradCheck("3x5", AwayFromZero = 0.1)]
        public Tensor<T> LeakyRelu(double slope = 0.01) => x.Map(new LeakyReluOp<T>(T.CreateTruncating(slope)));
    }
}

internal readonly struct LeakyReluOp<T>(T slope) : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.SelectGreater(x, V.Splat(T.Zero), x, V.Splat(slope) * x);

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T> => V.SelectGreater(x, V.Splat(T.Zero), dy, V.Splat(slope) * dy);
}
