using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Functions that the framework has no vectors of, from those it has. One text for every width.</summary>
internal static class VectorMath
{
    /// <summary>e^x - 1. With u = e^x rounded, (u - 1) x / log(u) cancels the rounding of u (Kahan).</summary>
    public static V ExpM1<V, T>(V x)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        V u = V.Exp(x), one = V.Splat(T.One), d = u - one;
        V small = d * x / V.Log(u);
        V result = V.SelectGreater(V.Abs(d), V.Splat(T.CreateTruncating(0.5)), d, small);
        return V.SelectGreater(V.Abs(d), V.Splat(T.Zero), result, x);
    }

    /// <summary>log(1 + x). With u = 1 + x rounded, log(u) x / (u - 1) cancels the rounding of u (Kahan).</summary>
    public static V Log1P<V, T>(V x)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        V u = V.Splat(T.One) + x, d = u - V.Splat(T.One);
        V result = V.Log(u) * x / d;
        return V.SelectGreater(V.Abs(d), V.Splat(T.Zero), result, x);
    }

    /// <summary>tanh x = m / (m + 2) with m = e^(2x) - 1.</summary>
    public static V Tanh<V, T>(V x)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        V limit = V.Splat(T.CreateTruncating(20)), two = V.Splat(T.CreateTruncating(2));
        V m = ExpM1<V, T>(two * V.Max(-limit, V.Min(limit, x)));
        return m / (m + two);
    }

    /// <summary>The error function.</summary>
    public static V Erf<V, T>(V x)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T> => throw new NotSupportedException();
}
