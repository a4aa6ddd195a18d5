using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Root-mean-square normalization of every row x of D features (Zhang, Sennrich 2019): layer normalization without the mean, fused:
/// <code>
/// rstd = 1 / sqrt((1/D) sum x^2 + epsilon)      xHat = x rstd      y = gain xHat (+ bias)
/// </code>
/// Backward, with u = gain dy and the average over the row. rstd depends on every x of the row, which takes one direction out of u:
/// <code>
/// dx = rstd (u - xHat avg(u xHat))      dgain = sum over rows of dy xHat      dbias = sum over rows of dy
/// </code>
/// Saves rstd, one number per row; xHat is computed again from x.
/// </summary>
public static class RmsNormExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Divides every row (the last axis, of D features) by its root mean square, then scales each feature.</summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="epsilon">Added to the mean square, inside the root.</param>
        /// <exception cref="ArgumentException">Gain has another shape than (D,).</exception>
        [GradCheck("3x7", "7")]
        [GradCheck("2x3x17", "17")]
        public Tensor<T> RmsNorm(Tensor<T> gain, double epsilon = 1e-5) => RmsNormNode<T>.Apply([x, gain], epsilon);

        /// <summary>Divides every row by its root mean square, then scales and shifts each feature.</summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="bias">(D,), added last.</param>
        /// <param name="epsilon">Added to the mean square, inside the root.</param>
        /// <exception cref="ArgumentException">Gain or bias has another shape than (D,).</exception>
        [GradCheck("3x7", "7", "7")]
        public Tensor<T> RmsNorm(Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5) => RmsNormNode<T>.Apply([x, gain, bias], epsilon);
    }
}

internal sealed class RmsNormNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private DeviceBuffer<T> rstd;

    public override string Op => "RmsNorm";

    /// <summary>The operands are x and gain, or x, gain and bias.</summary>
    public static Tensor<T> Apply(ReadOnlySpan<Tensor<T>> operands, double epsilon)
    {
        Tape<T> tape = Operands.TapeOf("RmsNorm", operands);
        Tensor<T> x = operands[0], gain = operands[1];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
        bool hasBias = operands.Length > 2;
        Operands.RequireShape("RmsNorm", "gain", gain, new Shape(columns));
        if (hasBias)
        {
            Operands.RequireShape("RmsNorm", "bias", operands[2], new Shape(columns));
        }
        Tensor<T> y = tape.NewResult(x.Shape, x.NeedsGradient || gain.NeedsGradient || (hasBias && operands[2].NeedsGradient));
        DeviceBuffer<T> rstd = tape.Rent<T>(rows);
        tape.Backend.Run(
            new RmsNormForward<T>(
                x.Value, gain.Value, hasBias ? operands[2].Value : default, y.Value, rstd, columns, T.CreateTruncating(epsilon)),
            rows, RowChunks.Grain(rows, columns));
        if (y.NeedsGradient)
        {
            tape.Record<RmsNormNode<T>>(y, operands).rstd = rstd;
        }
        return y;
    }

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0], gain = Inputs[1];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
        using RowSums<T> dgain = new(gain, rows, columns), dbias = Inputs.Length > 2 ? new(Inputs[2], rows, columns) : default;
        backend.Run(
            new RmsNormBackward<T>(x.Value, gain.Value, rstd, Output.Gradient, x.GradientSink(), dgain.Partials, dbias.Partials, columns),
            rows, RowChunks.Grain(rows, columns));
        dgain.Finish(backend);
        dbias.Finish(backend);
    }
}

/// <summary>One pass for the mean square, one to write; the row stays in the first-level cache.</summary>
internal readonly struct RmsNormForward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y, DeviceBuffer<T> rstd, int columns, T epsilon)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int row = first; row < end; row++)
        {
            DeviceBuffer<T> from = x.Slice(row * columns, columns);
            V r = V.Splat(T.One) / V.Sqrt(RowMoments<T, V>.MeanSquare(from) + V.Splat(epsilon));
            Write(from, r, gain, bias, y.Slice(row * columns, columns));
            V.StoreScalar(r, rstd, row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<V>(DeviceBuffer<T> x, V r, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y)
        where V : struct, ISimd<V, T>
    {
        int i = 0;
        for (; i <= x.Length - V.Width; i += V.Width)
        {
            WriteAt(i, V.Width, x, r, gain, bias, y);
        }
        if (i < x.Length)
        {
            WriteAt(i, x.Length - i, x, r, gain, bias, y);
        }
    }

    // Called with a count of V.Width the partial loads and stores fold to plain ones, so that one text serves rows and their tails.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V>(int i, int count, DeviceBuffer<T> x, V r, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y)
        where V : struct, ISimd<V, T>
    {
        V xHat = V.Load(x, i, count, r) * r, scale = V.Load(gain, i, count, r);
        V.Store(bias.Length == 0 ? scale * xHat : V.MultiplyAdd(scale, xHat, V.Load(bias, i, count, r)), y, i, count);
    }
}

/// <summary>One pass for the average and the sums over rows, one to write dx.</summary>
internal readonly struct RmsNormBackward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> rstd, DeviceBuffer<T> dy,
    GradientSink<T> dx, GradientSink<T> dgain, GradientSink<T> dbias, int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V perColumn = V.Splat(T.One / T.CreateChecked(columns));
        for (int row = first; row < end; row++)
        {
            DeviceBuffer<T> from = x.Slice(row * columns, columns), cotangent = dy.Slice(row * columns, columns);
            V r = V.LoadSplat(rstd, row);
            V sumUxHat = Sum(from, r, gain, cotangent, PartOf(dgain, chunk, row == first), PartOf(dbias, chunk, row == first));
            if (dx.IsWanted)
            {
                Write(from, r, gain, cotangent, sumUxHat * perColumn, new(dx.Buffer.Slice(row * columns, columns), dx.Accumulate));
            }
        }
    }

    // The first row of a chunk assigns its partial sums.
    private GradientSink<T> PartOf(GradientSink<T> sums, int chunk, bool isFirst) =>
        sums.IsWanted ? new(sums.Buffer.Slice(chunk * columns, columns), sums.Accumulate || !isFirst) : default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sum<V>(DeviceBuffer<T> x, V r, DeviceBuffer<T> gain, DeviceBuffer<T> dy, GradientSink<T> dgain, GradientSink<T> dbias)
        where V : struct, ISimd<V, T>
    {
        V sum0 = V.Splat(T.Zero), sum1 = sum0;
        int i = 0;
        for (; i <= x.Length - (2 * V.Width); i += 2 * V.Width)
        {
            SumAt(i, V.Width, x, r, gain, dy, dgain, dbias, ref sum0);
            SumAt(i + V.Width, V.Width, x, r, gain, dy, dgain, dbias, ref sum1);
        }
        for (; i < x.Length; i += V.Width)
        {
            SumAt(i, x.Length - i, x, r, gain, dy, dgain, dbias, ref sum0);
        }
        return V.Sum(sum0 + sum1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumAt<V>(
        int i, int count, DeviceBuffer<T> x, V r, DeviceBuffer<T> gain, DeviceBuffer<T> dy, GradientSink<T> dgain, GradientSink<T> dbias, ref V sumUxHat)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), g = V.Load(dy, i, count, zero), gByXHat = g * (V.Load(x, i, count, zero) * r);
        sumUxHat = V.MultiplyAdd(V.Load(gain, i, count, zero), gByXHat, sumUxHat);
        if (dgain.IsWanted)
        {
            V.Store(dgain.Accumulate ? gByXHat + V.Load(dgain.Buffer, i, count, zero) : gByXHat, dgain.Buffer, i, count);
        }
        if (dbias.IsWanted)
        {
            V.Store(dbias.Accumulate ? g + V.Load(dbias.Buffer, i, count, zero) : g, dbias.Buffer, i, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<V>(DeviceBuffer<T> x, V r, DeviceBuffer<T> gain, DeviceBuffer<T> dy, V averageUxHat, GradientSink<T> dx)
        where V : struct, ISimd<V, T>
    {
        int i = 0;
        for (; i <= x.Length - V.Width; i += V.Width)
        {
            WriteAt(i, V.Width, x, r, gain, dy, averageUxHat, dx);
        }
        if (i < x.Length)
        {
            WriteAt(i, x.Length - i, x, r, gain, dy, averageUxHat, dx);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V>(
        int i, int count, DeviceBuffer<T> x, V r, DeviceBuffer<T> gain, DeviceBuffer<T> dy, V averageUxHat, GradientSink<T> dx)
        where V : struct, ISimd<V, T>
    {
        V u = V.Load(gain, i, count, r) * V.Load(dy, i, count, r), xHat = V.Load(x, i, count, r) * r;
        V result = r * (u - (xHat * averageUxHat));
        V.Store(dx.Accumulate ? result + V.Load(dx.Buffer, i, count, r) : result, dx.Buffer, i, count);
    }
}
