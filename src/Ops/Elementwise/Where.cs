using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = a where condition &gt; 0, else b, broadcast. da = dy where condition &gt; 0, db = dy elsewhere; y does not move with the condition,
/// which gets no gradient.
/// </summary>
/// <remarks>
/// The sum of two selections, one for each side: (a or 0) + (b or 0). What is not chosen has no influence, be it infinite or NaN.
/// </remarks>
public static class WhereExtensions
{
    extension<T>(Tensor<T> condition)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>
        /// Elements of <paramref name="ifPositive"/> where this is above 0, else (also at NaN) of <paramref name="otherwise"/>.
        /// </summary>
        /// <exception cref="ArgumentException">The shapes do not broadcast.</exception>
        public Tensor<T> Where(Tensor<T> ifPositive, Tensor<T> otherwise)
        {
            Tensor<T> fixedCondition = condition.Tape.NewView(condition.Value, condition.Shape, needsGradient: false);
            return fixedCondition.Zip(ifPositive, default(WhereOp<T>)) + fixedCondition.Zip(otherwise, default(WhereNotOp<T>));
        }
    }

    [GradCheck("3x5", "3x5")]
    [GradCheck("2x1x5", "3x1")]
    private static Tensor<T> WhereAlternating<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tensor<T> condition = a.Tape.Constant([T.One, T.Zero, -T.One, T.One, T.Zero], new Shape(1, 5));
        return condition.Where(a, b);
    }
}

internal readonly struct WhereOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V condition, V a)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero);
        return V.SelectGreater(condition, zero, a, zero);
    }

    public (V Da, V Db) Vjp<V>(V condition, V a, V dy)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero);
        return (zero, V.SelectGreater(condition, zero, dy, zero));
    }
}

internal readonly struct WhereNotOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V condition, V b)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero);
        return V.SelectGreater(condition, zero, zero, b);
    }

    public (V Da, V Db) Vjp<V>(V condition, V b, V dy)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero);
        return (zero, V.SelectGreater(condition, zero, zero, dy));
    }
}
