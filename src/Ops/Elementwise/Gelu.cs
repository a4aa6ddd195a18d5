using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = x P(x) with the normal distribution function P(x) = (1 + erf(x / sqrt 2)) / 2 (Hendrycks, Gimpel 2016).
/// dx = (P(x) + x p(x)) dy with the density p(x) = e^(-x^2 / 2) / sqrt(2 pi) = P'(x), by the product rule. Saves x.
/// </summary>
/// <remarks><c>GeluTanh</c> is the paper's approximation of P by a hyperbolic tangent, which some models were trained with.</remarks>
public static class GeluExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>x times the probability that a standard normal variable is below x, element by element.</summary>
        [GradCheck("3x5", Low = -3, High = 3)]
        public Tensor<T> Gelu() => x.Map(default(GeluOp<T>));

        /// <summary>An approximation of <see cref="Gelu"/>, by up to 5e-4: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.</summary>
        [GradCheck("3x5", Low = -3, High = 3)]
        public Tensor<T> GeluTanh() => x.Map(default(GeluTanhOp<T>));
    }
}

internal readonly struct GeluOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private static T InverseSqrt2 => T.CreateTruncating(0.70710678118654752);

    private static T InverseSqrt2Pi => T.CreateTruncating(0.39894228040143268);

    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => x * Distribution(x);

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T>
    {
        V density = V.Splat(InverseSqrt2Pi) * V.Exp(V.Splat(T.CreateTruncating(-0.5)) * x * x);
        return V.MultiplyAdd(x, density, Distribution(x)) * dy;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Distribution<V>(V x)
        where V : struct, IReal<V, T>
    {
        V half = V.Splat(T.CreateTruncating(0.5));
        return V.MultiplyAdd(half, V.Erf(V.Splat(InverseSqrt2) * x), half);
    }
}

/// <summary>
/// y = x (1 + t) / 2 with t = tanh(u), u = k (x + c x^3). dx = ((1 + t) / 2 + x (1 - t^2) u' / 2) dy with u' = k (1 + 3 c x^2).
/// </summary>
internal readonly struct GeluTanhOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private static T K => T.CreateTruncating(0.79788456080286536);

    private static T C => T.CreateTruncating(0.044715);

    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T>
    {
        V half = V.Splat(T.CreateTruncating(0.5));
        return x * V.MultiplyAdd(half, Tangent(x), half);
    }

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T>
    {
        // From |x| = 20 on, t is 1 and the second term 0 to the last bit; the limit keeps x^2 finite, which would make it 0 times infinity.
        V half = V.Splat(T.CreateTruncating(0.5)), one = V.Splat(T.One), limit = V.Splat(T.CreateTruncating(20));
        V near = V.Min(V.Max(x, -limit), limit), t = Tangent(near);
        V slope = V.Splat(K) * V.MultiplyAdd(V.Splat(T.CreateTruncating(3) * C) * near, near, one);
        return V.MultiplyAdd(half * near * (one - (t * t)), slope, V.MultiplyAdd(half, t, half)) * dy;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Tangent<V>(V x)
        where V : struct, IReal<V, T> => V.Tanh(V.Splat(K) * V.MultiplyAdd(V.Splat(C) * x * x, x, x));
}
