using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>
/// What a formula may do with its numbers. A formula generic over this is read in several ways: on SIMD vectors of any width, on dual
/// numbers, and as text for a device's compiler. There is no <c>if</c> on a value: use <see cref="Max"/>, <see cref="Min"/> and
/// <see cref="SelectGreater"/>.
/// </summary>
/// <typeparam name="V">The implementing type.</typeparam>
/// <typeparam name="T">The element type.</typeparam>
public interface IReal<V, T>
    where V : struct, IReal<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The same value in every lane.</summary>
    static abstract V Splat(T value);

    /// <summary>a + b.</summary>
    static abstract V operator +(V a, V b);

    /// <summary>a - b.</summary>
    static abstract V operator -(V a, V b);

    /// <summary>a b.</summary>
    static abstract V operator *(V a, V b);

    /// <summary>a b with <paramref name="a"/> in every lane: one instruction where the processor can splat what it reads.</summary>
    static virtual V operator *(T a, V b) => V.Splat(a) * b;

    /// <summary>a / b.</summary>
    static abstract V operator /(V a, V b);

    /// <summary>-a.</summary>
    static abstract V operator -(V a);

    /// <summary>a b + c, rounded once.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    /// <summary>The same with <paramref name="a"/> in every lane.</summary>
    static virtual V MultiplyAdd(T a, V b, V c) => V.MultiplyAdd(V.Splat(a), b, c);

    /// <summary>Where a &gt; b the third, else (also when either is NaN) the fourth argument.</summary>
    static abstract V SelectGreater(V a, V b, V ifGreater, V otherwise);

    /// <summary>The larger; NaN if either is NaN, as IEEE 754's maximum.</summary>
    static abstract V Max(V a, V b);

    /// <summary>The smaller; NaN if either is NaN, as IEEE 754's minimum.</summary>
    static abstract V Min(V a, V b);

    /// <summary>|x|.</summary>
    static abstract V Abs(V x);

    /// <summary>The square root; NaN below zero.</summary>
    static abstract V Sqrt(V x);

    /// <summary>e^x.</summary>
    static abstract V Exp(V x);

    /// <summary>e^x - 1, accurate near zero.</summary>
    static abstract V ExpM1(V x);

    /// <summary>The natural logarithm; NaN below zero.</summary>
    static abstract V Log(V x);

    /// <summary>log(1 + x), accurate near zero.</summary>
    static abstract V Log1P(V x);

    /// <summary>The hyperbolic tangent.</summary>
    static abstract V Tanh(V x);

    /// <summary>The error function, 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x.</summary>
    static abstract V Erf(V x);
}
