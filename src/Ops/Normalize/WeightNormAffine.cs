using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// A linear layer with weight normalization, fused: y = x w + b for the w of <see cref="WeightNormExtensions"/>. A column of w is a column
/// of v times one number, and so is a column of x w:
/// <code>
/// z = x v      s = g / ||v||, one for each unit, a column of v      y = z s + b
/// </code>
/// Backward, with sums down columns of the batch; the gradient of ||v|| is v / ||v||:
/// <code>
/// db = sum dy      ds = sum dy z      dg = ds / ||v||      dz = dy s      dx = dz v^T      dv = x^T dz - (ds s / ||v||^2) v
/// </code>
/// Saves z, ||v|| and s. The matrix w is never written, nor its gradient, which at small batches would cost as much as the rest of a
/// training step; and v is read once for both the product and its lengths where <see cref="IBackend{T}.SumsSquares"/>.
/// </summary>
public static class WeightNormAffineExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>
        /// The rows of x (its last axis, of I numbers) times a weight matrix whose columns are given lengths, plus a bias.
        /// </summary>
        /// <param name="v">(I, O), the directions of the units' weights. A column of zeros has none and gives NaN.</param>
        /// <param name="gain">(O,), the lengths g.</param>
        /// <param name="bias">(O,), added to every row.</param>
        /// <returns>x with O instead of I as its last extent.</returns>
        /// <exception cref="ArgumentException">The shapes do not fit.</exception>
        [GradCheck("3x4", "4x5", "5", "5")]
        [GradCheck("2x3x4", "4x17", "17", "17")]
        public Tensor<T> WeightNormAffine(Tensor<T> v, Tensor<T> gain, Tensor<T> bias) => WeightNormAffineNode<T>.Apply([x, v, gain, bias]);

        /// <summary>The same without a bias.</summary>
        /// <param name="v">(I, O), the directions of the units' weights. A column of zeros has none and gives NaN.</param>
        /// <param name="gain">(O,), the lengths g.</param>
        /// <returns>x with O instead of I as its last extent.</returns>
        /// <exception cref="ArgumentException">The shapes do not fit.</exception>
        [GradCheck("14x20", "20x5", "5")]
        public Tensor<T> WeightNormAffine(Tensor<T> v, Tensor<T> gain) => WeightNormAffineNode<T>.Apply([x, v, gain]);
    }
}

internal sealed class WeightNormAffineNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private DeviceBuffer<T> z, norm, scale;

    public override string Op => "WeightNormAffine";

    /// <summary>The operands are x, v and gain, or x, v, gain and bias.</summary>
    public static Tensor<T> Apply(ReadOnlySpan<Tensor<T>> operands)
    {
        Tape<T> tape = Operands.TapeOf("WeightNormAffine", operands);
        Tensor<T> x = operands[0], v = operands[1], gain = operands[2];
        if (x.Shape.Rank == 0 || v.Shape.Rank != 2 || x.Shape[-1] != v.Shape[0])
        {
            throw new ArgumentException(
                $"WeightNormAffine: x of shape {x.Shape} and v of shape {v.Shape} do not fit: v must be a matrix " +
                "with a row for each number in a row of x.");
        }
        int inputs = v.Shape[0], outputs = v.Shape[1], rows = x.Shape.ElementCount / inputs;
        Operands.RequireShape("WeightNormAffine", "gain", gain, new Shape(outputs));
        bool hasBias = operands.Length > 3, needsGradient = x.NeedsGradient || v.NeedsGradient || gain.NeedsGradient;
        if (hasBias)
        {
            Operands.RequireShape("WeightNormAffine", "bias", operands[3], new Shape(outputs));
            needsGradient |= operands[3].NeedsGradient;
        }
        Tensor<T> y = tape.NewResult(x.Shape.With(-1, outputs), needsGradient);
        DeviceBuffer<T> z = tape.Rent<T>(rows * outputs), norm = tape.Rent<T>(outputs), scale = tape.Rent<T>(outputs);
        Multiply(tape.Backend, new GemmCall<T>(rows, outputs, inputs) { A = x.Value, B = v.Value, C = z, SquaresOfB = norm });
        tape.Backend.Run(
            new WeightNormAffineForward<T>(z, gain.Value, hasBias ? operands[3].Value : default, norm, scale, y.Value, rows, outputs),
            outputs, Grain(tape.Backend, rows, outputs));
        if (y.NeedsGradient)
        {
            WeightNormAffineNode<T> node = tape.Record<WeightNormAffineNode<T>>(y, operands);
            (node.z, node.norm, node.scale) = (z, norm, scale);
        }
        return y;
    }

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0], v = Inputs[1], gain = Inputs[2];
        int outputs = v.Shape[1], rows = x.Shape.ElementCount / v.Shape[0];
        // Both last until the step: dv may be put off until then.
        DeviceBuffer<T> dz = v.Tape.Rent<T>(rows * outputs), share = v.Tape.Rent<T>(outputs);
        GradientSink<T> dgain = gain.GradientSink(), dbias = Inputs.Length > 3 ? Inputs[3].GradientSink() : default;
        backend.Run(
            new WeightNormAffineBackward<T>(z, norm, scale, Output.Gradient, dz, share, dgain, dbias, rows, outputs),
            outputs, Grain(backend, rows, outputs));
        AffineNode<T>.BackwardProduct(backend, x, v, dz, rows);
        v.TakeColumnsFromGradient(share);
    }

    /// <summary>The product, and the sums of squares of the columns of B: in passing, if that is possible.</summary>
    private static void Multiply(IBackend<T> backend, in GemmCall<T> call)
    {
        if (backend.SumsSquares(call))
        {
            backend.Gemm(call);
            return;
        }
        backend.Gemm(call with { SquaresOfB = default });
        ColumnSums<T>.Dot(backend, call.B, call.B, call.SquaresOfB, call.K);
    }

    /// <summary>Chunks own whole columns.</summary>
    private static int Grain(IBackend<T> backend, int rows, int columns) =>
        backend.Grain(columns, ColumnChunks.Grain(rows, columns), together: 32);
}

/// <summary>
/// Writes ||v||, of which <paramref name="norm"/> holds the squares at first, s and y = z s + b.
/// </summary>
internal readonly struct WeightNormAffineForward<T>(
    DeviceBuffer<T> z, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> norm, DeviceBuffer<T> scale, DeviceBuffer<T> y, int rows,
    int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> z, gain, bias, norm, scale, y; int rows, columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first + thread_in_block(); i < end; i += threads_of_block())
            {
                const real length = Sqrt(k.norm[i]), scale = k.gain[i] / length, shift = k.bias.exists() ? k.bias[i] : real(0);
                k.norm[i] = length;
                k.scale[i] = scale;
                for (int at = i; at < k.rows * k.columns; at += k.columns)
                    k.y[at] = MultiplyAdd(k.z[at], scale, shift);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = z, to = y;
        V one = V.Splat(T.One), zero = V.Splat(T.Zero);
        int step = columns, all = rows * columns;
        for (int i = first; i < end; i += V.Width)
        {
            int count = end - i;
            V length = V.Sqrt(V.Load(norm, i, count, one)), s = V.Load(gain, i, count, one) / length;
            V shift = bias.Length > 0 ? V.Load(bias, i, count, zero) : zero;
            V.Store(length, norm, i, count);
            V.Store(s, scale, i, count);
            for (int at = i; at < all; at += step)
            {
                V.Store(V.MultiplyAdd(V.Load(from, at, count, zero), s, shift), to, at, count);
            }
        }
    }
}

/// <summary>Writes dz, dg, db and the share of v that its gradient has less, from sums down the columns of dy and of dy z.</summary>
internal readonly struct WeightNormAffineBackward<T>(
    DeviceBuffer<T> z, DeviceBuffer<T> norm, DeviceBuffer<T> scale, DeviceBuffer<T> dy, DeviceBuffer<T> dz, DeviceBuffer<T> share,
    GradientSink<T> dgain, GradientSink<T> dbias, int rows, int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> z, norm, scale, dy, dz, share; Sink dgain, dbias; int rows, columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first + thread_in_block(); i < end; i += threads_of_block())
            {
                real ds = 0, db = 0;
                for (int at = i; at < k.rows * k.columns; at += k.columns)
                {
                    ds = MultiplyAdd(k.dy[at], k.z[at], ds);
                    db += k.dy[at];
                    k.dz[at] = k.dy[at] * k.scale[i];
                }
                const real dg = ds / k.norm[i];
                k.share[i] = dg / k.norm[i] * k.scale[i];
                if (k.dgain.is_wanted())
                    k.dgain.write(i, dg);
                if (k.dbias.is_wanted())
                    k.dbias.write(i, db);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> output = z, cotangent = dy, to = dz;
        V one = V.Splat(T.One), zero = V.Splat(T.Zero);
        int step = columns, all = rows * columns;
        for (int i = first; i < end; i += V.Width)
        {
            int count = end - i;
            V length = V.Load(norm, i, count, one), s = V.Load(scale, i, count, one), ds = zero, db = zero;
            for (int at = i; at < all; at += step)
            {
                V d = V.Load(cotangent, at, count, zero);
                ds = V.MultiplyAdd(d, V.Load(output, at, count, zero), ds);
                db += d;
                V.Store(d * s, to, at, count);
            }
            V dg = ds / length;
            V.Store(dg / length * s, share, i, count);
            dgain.Store(dg, i, count);
            dbias.Store(db, i, count);
        }
    }
}
