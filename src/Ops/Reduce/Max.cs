using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = the largest element of x over some axes. The largest gets dy, the others 0; where k elements tie, each gets dy / k, as in
/// libtorch's amax: the mean of the one-sided derivatives. Reads x and y again.
/// </summary>
public static class MaxExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>
        /// The largest element over <paramref name="axes"/> (all of them if none is named); NaN if there is one. Negative axes count from
        /// the end.
        /// </summary>
        /// <param name="axes">The axes to search.</param>
        /// <returns>A tensor without these axes.</returns>
        /// <exception cref="ArgumentException">There is no such axis, or one is named twice.</exception>
        [GradCheck("3x5")]
        public Tensor<T> Max(params ReadOnlySpan<int> axes) => x.Max(axes, keepDims: false);

        /// <inheritdoc cref="Max{T}(Tensor{T}, ReadOnlySpan{int})"/>
        /// <param name="axes">The axes to search.</param>
        /// <param name="keepDims">Whether these axes stay, with extent 1, so that the result broadcasts against x.</param>
        /// <returns>A tensor without these axes, or with them as extents of 1.</returns>
        public Tensor<T> Max(ReadOnlySpan<int> axes, bool keepDims)
        {
            ReducedShape reduced = new("Max", Operands.ShapeOf("Max", x), axes);
            Tape<T> tape = Operands.TapeOf("Max", x);
            Tensor<T> y = tape.NewResult(reduced.Result(keepDims), x.NeedsGradient);
            tape.Backend.ReduceTo(x.Value, x.Shape, y.Value, reduced.Kept, default(MaxReduction<T>), T.One, accumulate: false);
            if (y.NeedsGradient)
            {
                tape.Record<MaxNode<T>>(y, x).Kept = reduced.Kept;
            }
            return y;
        }
    }

    [GradCheck("2x3x4x5")]
    private static Tensor<T> MaxOverInnerAndOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Max(0, 2);

    [GradCheck("3x5")]
    private static Tensor<T> MaxKeepsDims<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x * x.Max([-1], keepDims: true);
}

internal sealed class MaxNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public Shape Kept { get; set; }

    public override string Op => "Max";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0];
        DeviceBuffer<T> y = Output.Value;
        using Scratch<T> ties = backend.Pool.RentScratch<T>(x.Shape.ElementCount), share = backend.Pool.RentScratch<T>(y.Length);
        backend.Zip(default(IsLargestOp<T>), new ZipOperands<T>(x.Value, x.Shape, y, Kept, x.Shape), ties.Buffer);
        backend.ReduceTo(ties.Buffer, x.Shape, share.Buffer, Kept, default(SumReduction<T>), T.One, accumulate: false);
        backend.Zip(default(DivideOp<T>), new ZipOperands<T>(Output.Gradient, Kept, share.Buffer, Kept, Kept), share.Buffer);
        backend.WriteReductionVjp(default(IsLargestOp<T>), x, y, share.Buffer, Kept, T.One);
    }
}

/// <summary>
/// 1 where x is the largest element y, else 0. As a gradient: da = dy there, else 0, while y passes its gradient to x alone.
/// </summary>
internal readonly struct IsLargestOp<T> : IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public V Forward<V>(V x, V y)
        where V : struct, IReal<V, T> => V.SelectGreater(y, x, V.Splat(T.Zero), V.Splat(T.One));

    public (V Da, V Db) Vjp<V>(V x, V y, V dy)
        where V : struct, IReal<V, T>
    {
        V zero = V.Splat(T.Zero);
        return (V.SelectGreater(y, x, zero, dy), zero);
    }
}
