using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = log sum e^x over some axes, a smooth maximum. dx = e^(x - y) dy, the softmax times dy, from d e^y = sum of e^x dx. Reads x and y
/// again.
/// </summary>
/// <remarks>
/// Computed as m + log sum e^(x - m) with the largest element m: no exponential overflows, and one summand is 1. An infinite m would
/// give NaN: there 0 is taken off instead, so that a row of -infinity alone has y = -infinity and dx = 0.
/// </remarks>
public static class LogSumExpExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>
        /// The logarithm of the sum of exponentials over <paramref name="axes"/> (all of them if none is named); negative axes count from
        /// the end.
        /// </summary>
        /// <param name="axes">The axes to sum over.</param>
        /// <returns>A tensor without these axes.</returns>
        /// <exception cref="ArgumentException">There is no such axis, or one is named twice.</exception>
        [GradCheck("3x5", Low = -3, High = 3)]
        public Tensor<T> LogSumExp(params ReadOnlySpan<int> axes) => x.LogSumExp(axes, keepDims: false);

        /// <inheritdoc cref="LogSumExp{T}(Tensor{T}, ReadOnlySpan{int})"/>
        /// <param name="axes">The axes to sum over.</param>
        /// <param name="keepDims">Whether these axes stay, with extent 1, so that the result broadcasts against x.</param>
        /// <returns>A tensor without these axes, or with them as extents of 1.</returns>
        public Tensor<T> LogSumExp(ReadOnlySpan<int> axes, bool keepDims)
        {
            ReducedShape reduced = new("LogSumExp", Operands.ShapeOf("LogSumExp", x), axes);
            Shape kept = reduced.Kept;
            Tape<T> tape = Operands.TapeOf("LogSumExp", x);
            IBackend<T> backend = tape.Backend;
            Tensor<T> y = tape.NewResult(reduced.Result(keepDims), x.NeedsGradient);
            using (Scratch<T> terms = backend.Pool.RentScratch<T>(x.Shape.ElementCount))
            using (Scratch<T> largest = backend.Pool.RentScratch<T>(kept.ElementCount))
            {
                backend.ReduceTo(x.Value, x.Shape, largest.Buffer, kept, default(MaxReduction<T>), T.One, false);
                backend.Zip(default(ExpDifferenceOp<T>), new ZipOperands<T>(x.Value, x.Shape, largest.Buffer, kept, x.Shape), terms.Buffer);
                backend.ReduceTo(terms.Buffer, x.Shape, y.Value, kept, default(SumReduction<T>), T.One, false);
                backend.Zip(default(AddLogOp<T>), new ZipOperands<T>(y.Value, kept, largest.Buffer, kept, kept), y.Value);
            }
            if (y.NeedsGradient)
            {
                tape.Record<LogSumExpNode<T>>(y, x).Kept = kept;
            }
            return y;
        }
    }

    [GradCheck("2x3x4x5", Low = -3, High = 3)]
    private static Tensor<T> LogSumExpOverInnerAndOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.LogSumExp(0, 2);

    [GradCheck("3x5", Low = -3, High = 3)]
    private static Tensor<T> LogSumExpKeepsDims<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x - x.LogSumExp([-1], keepDims: true);
}

internal sealed class LogSumExpNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public Shape Kept { get; set; }

    public override string Op => "LogSumExp";

    public override void Backward(IBackend<T> backend) =>
        backend.WriteReductionVjp(default(ExpDifferenceOp<T>), Inputs[0], Output.Value, Output.Gradient, Kept, T.One);
}

/// <summary>
/// y = e^(a - m) with the largest element m, or 0 for an infinite one: da = y dy = -dm. Backward, the result of the op stands for m.
/// </summary>
internal readonly struct ExpDifferenceOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private static readonly T Lowest = T.BitIncrement(T.NegativeInfinity);

    public V Forward<V>(V a, V m)
        where V : struct, IReal<V, T> => V.Exp(a - FiniteOrZero(m));

    // A result of -infinity gives e^(-infinity - 0) = 0; one of infinity leaves nothing to finite elements.
    public (V Da, V Db) Vjp<V>(V a, V m, V dy)
        where V : struct, IReal<V, T>
    {
        V da = V.Exp(a - V.SelectGreater(V.Splat(Lowest), m, V.Splat(T.Zero), m)) * dy;
        return (da, -da);
    }

    /// <summary>m, or 0 if m is infinite; NaN stays.</summary>
    public static V FiniteOrZero<V>(V m)
        where V : struct, IReal<V, T> => V.SelectGreater(V.Abs(m), V.Splat(-Lowest), V.Splat(T.Zero), m);
}

/// <summary>y = log(s) + m for a sum s of e^(x - m), with the same m as there: ds = dy / s and dm = dy.</summary>
internal readonly struct AddLogOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V s, V m)
        where V : struct, IReal<V, T> => V.Log(s) + ExpDifferenceOp<T>.FiniteOrZero(m);

    public (V Da, V Db) Vjp<V>(V s, V m, V dy)
        where V : struct, IReal<V, T> => (dy / s, dy);
}
