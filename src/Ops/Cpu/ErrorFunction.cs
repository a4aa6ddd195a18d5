using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// The error function: x P(x^2) for |x| &lt;= 1, where it is nearly a line, and 1 - e^-Q(|x| - 1) beyond, where erfc decays. Within 2
/// units in the last place.
/// </summary>
/// <remarks>
/// P and Q are near-minimax polynomials, fitted to 50 digits by iteratively reweighted least squares at Chebyshev nodes, so that the
/// relative error of erf is equal over the interval: 1.2e-9 and 1.1e-9 for float, 7.3e-18 and 6.8e-18 for double.
/// </remarks>
internal static class ErrorFunction
{
    // Not inlined: formulas with erf and another exponential would exceed what the compiler is willing to inline, and then call every
    // operator.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Erf<V, T>(V x)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        // Past 4 (double: 6), erf is 1 to the last bit. NaN is not greater than anything: it takes the first formula, which keeps it.
        V one = V.Splat(T.One), zero = V.Splat(T.Zero), limit = V.Splat(VectorMath.C<T>(VectorMath.IsFloat<T>() ? 4 : 6));
        V size = V.Abs(x), near = V.SelectGreater(size, limit, limit, size);
        V tail = one - V.Exp(-DecayExponent<V, T>(near - one));
        return V.SelectGreater(size, one, V.SelectGreater(zero, x, -tail, tail), x * Slope<V, T>(x * x));
    }

    /// <summary>P: erf(x) / x as a polynomial in x^2, for x from 0 to 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Slope<V, T>(V square)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (VectorMath.IsFloat<T>())
        {
            V p = V.Splat(VectorMath.C<T>(0.000078547124129625863568));
            p = VectorMath.Then<V, T>(p, square, -0.00080104789986480732523);
            p = VectorMath.Then<V, T>(p, square, 0.0051883647219911035456);
            p = VectorMath.Then<V, T>(p, square, -0.02685383511654390029);
            p = VectorMath.Then<V, T>(p, square, 0.11283585854895132536);
            p = VectorMath.Then<V, T>(p, square, -0.37612625916006715082);
            p = VectorMath.Then<V, T>(p, square, 1.128379165759870336);
            return p;
        }
        else
        {
            V p = V.Splat(VectorMath.C<T>(-7.7803684608076982313e-10));
            p = VectorMath.Then<V, T>(p, square, 1.371148369479671812e-8);
            p = VectorMath.Then<V, T>(p, square, -1.6206435909212932077e-7);
            p = VectorMath.Then<V, T>(p, square, 1.6447148432588279602e-6);
            p = VectorMath.Then<V, T>(p, square, -0.00001492471375933784099);
            p = VectorMath.Then<V, T>(p, square, 0.00012055293658709743538);
            p = VectorMath.Then<V, T>(p, square, -0.00085483259323083048952);
            p = VectorMath.Then<V, T>(p, square, 0.0052239776061882528626);
            p = VectorMath.Then<V, T>(p, square, -0.026866170643121277129);
            p = VectorMath.Then<V, T>(p, square, 0.112837916709442598);
            p = VectorMath.Then<V, T>(p, square, -0.37612638903183522101);
            p = VectorMath.Then<V, T>(p, square, 1.1283791670955125659);
            return p;
        }
    }

    /// <summary>Q: -log(erfc(1 + t)) as a polynomial in t, for 1 + t up to 4 (double: 6).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V DecayExponent<V, T>(V t)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (VectorMath.IsFloat<T>())
        {
            V p = V.Splat(VectorMath.C<T>(-0.00018640918014091838142));
            p = VectorMath.Then<V, T>(p, t, 0.0018294717727954430998);
            p = VectorMath.Then<V, T>(p, t, -0.0098955388435113143412);
            p = VectorMath.Then<V, T>(p, t, 0.041503519515434874964);
            p = VectorMath.Then<V, T>(p, t, 0.84311760793034191495);
            p = VectorMath.Then<V, T>(p, t, 2.6389668778715096539);
            p = VectorMath.Then<V, T>(p, t, 1.8496055157709090799);
            return p;
        }
        else
        {
            V p = V.Splat(VectorMath.C<T>(4.9128736296076925503e-12));
            p = VectorMath.Then<V, T>(p, t, -1.2035953088837699018e-10);
            p = VectorMath.Then<V, T>(p, t, 1.3291155691938307174e-9);
            p = VectorMath.Then<V, T>(p, t, -8.5763282542241534519e-9);
            p = VectorMath.Then<V, T>(p, t, 3.3610233784018529543e-8);
            p = VectorMath.Then<V, T>(p, t, -5.8593892998498151218e-8);
            p = VectorMath.Then<V, T>(p, t, -2.0369763396586499748e-7);
            p = VectorMath.Then<V, T>(p, t, 2.1303831521819525257e-6);
            p = VectorMath.Then<V, T>(p, t, -9.6697829609525829234e-6);
            p = VectorMath.Then<V, T>(p, t, 0.000027197781646549836644);
            p = VectorMath.Then<V, T>(p, t, -0.000026295685842619864303);
            p = VectorMath.Then<V, T>(p, t, -0.00023731667787037907891);
            p = VectorMath.Then<V, T>(p, t, 0.0019779012785369989497);
            p = VectorMath.Then<V, T>(p, t, -0.010033825189572048786);
            p = VectorMath.Then<V, T>(p, t, 0.041561098026113949338);
            p = VectorMath.Then<V, T>(p, t, 0.84310725635935996023);
            p = VectorMath.Then<V, T>(p, t, 2.6389675142347768175);
            p = VectorMath.Then<V, T>(p, t, 1.849605509933248287);
            return p;
        }
    }
}
