using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Layer normalization of every row x of D features (Ba, Kiros, Hinton 2016, eq. 3 and 4), fused:
/// <code>
/// mean = (1/D) sum x      rstd = 1 / sqrt((1/D) sum (x - mean)^2 + epsilon)      xHat = (x - mean) rstd      y = gain xHat + bias
/// </code>
/// Backward, with u = gain dy and averages over the row. Mean and rstd depend on every x of the row, which takes two directions out of u:
/// <code>
/// dx = rstd (u - avg(u) - xHat avg(u xHat))      dgain = sum over rows of dy xHat      dbias = sum over rows of dy
/// </code>
/// A detached mean drops avg(u), a detached rstd drops the last term. Saves mean and rstd, one number each per row; xHat is computed
/// again from x. The kernels normalize the parts of a row separately if there are several: <see cref="GroupNormExtensions"/> uses them too.
/// </summary>
public static class LayerNormExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>
        /// Normalizes every row (the last axis, of D features) to mean 0 and variance 1, then scales and shifts each feature.
        /// </summary>
        /// <param name="gain">(D,), applied after the normalization.</param>
        /// <param name="bias">(D,), added last.</param>
        /// <param name="epsilon">Added to the variance, inside the root.</param>
        /// <param name="detached">Which statistics backward treats as constants.</param>
        /// <exception cref="ArgumentException">Gain or bias has another shape than (D,).</exception>
        [GradCheck("3x7", "7", "7")]
        [GradCheck("2x3x17", "17", "17")]
        public Tensor<T> LayerNorm(Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5, DetachedStatistics detached = DetachedStatistics.None) =>
            LayerNormNode<T>.Apply("LayerNorm", [x, gain, bias], 1, epsilon, detached);

        /// <summary>Normalizes every row to mean 0 and variance 1, with no gain and bias ("LN-simple").</summary>
        /// <inheritdoc cref="extension{T}(Tensor{T}).LayerNorm(Tensor{T}, Tensor{T}, double, DetachedStatistics)"/>
        [GradCheck("3x7")]
        public Tensor<T> LayerNorm(double epsilon = 1e-5, DetachedStatistics detached = DetachedStatistics.None) =>
            LayerNormNode<T>.Apply("LayerNorm", [x], 1, epsilon, detached);
    }
}

internal sealed class LayerNormNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private string op = "";
    private DeviceBuffer<T> mean, rstd;
    private int groups;
    private DetachedStatistics detached;

    public override string Op => op;

    /// <summary>
    /// Normalizes each of <paramref name="groups"/> equal parts of every row of x; the operands are x, gain and bias, or x alone.
    /// </summary>
    public static Tensor<T> Apply(string op, ReadOnlySpan<Tensor<T>> operands, int groups, double epsilon, DetachedStatistics detached)
    {
        Tape<T> tape = Operands.TapeOf(op, operands);
        Tensor<T> x = operands[0];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
        bool affine = operands.Length > 1, needsGradient = x.NeedsGradient;
        if (affine)
        {
            Operands.RequireShape(op, "gain", operands[1], new Shape(columns));
            Operands.RequireShape(op, "bias", operands[2], new Shape(columns));
            needsGradient |= operands[1].NeedsGradient || operands[2].NeedsGradient;
        }
        Tensor<T> y = tape.NewResult(x.Shape, needsGradient);
        DeviceBuffer<T> mean = tape.Rent<T>(rows * groups), rstd = tape.Rent<T>(rows * groups);
        tape.Backend.Run(
            new LayerNormForward<T>(
                x.Value, affine ? operands[1].Value : default, affine ? operands[2].Value : default, y.Value, mean, rstd,
                groups, columns / groups, T.CreateTruncating(epsilon)),
            rows, RowChunks.Grain(rows, columns));
        if (y.NeedsGradient)
        {
            LayerNormNode<T> node = tape.Record<LayerNormNode<T>>(y, operands);
            (node.op, node.mean, node.rstd, node.groups, node.detached) = (op, mean, rstd, groups, detached);
        }
        return y;
    }

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0];
        int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
        bool affine = Inputs.Length > 1;
        using RowSums<T> dgain = affine ? new(Inputs[1], rows, columns) : default, dbias = affine ? new(Inputs[2], rows, columns) : default;
        backend.Run(
            new LayerNormBackward<T>(
                x.Value, affine ? Inputs[1].Value : default, mean, rstd, Output.Gradient, x.GradientSink(), dgain.Partials, dbias.Partials,
                groups, columns / groups, detached),
            rows, RowChunks.Grain(rows, columns));
        dgain.Finish(backend);
        dbias.Finish(backend);
    }
}

/// <summary>Two passes for the statistics, one to write; the row stays in the first-level cache.</summary>
internal readonly struct LayerNormForward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y, DeviceBuffer<T> mean, DeviceBuffer<T> rstd,
    int groups, int columns, T epsilon)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        bool affine = gain.Length > 0;
        for (int part = first * groups; part < end * groups; part++)
        {
            DeviceBuffer<T> from = x.Slice(part * columns, columns), to = y.Slice(part * columns, columns);
            int feature = part % groups * columns;
            V mu = RowMoments<T, V>.Mean(from);
            V r = V.Splat(T.One) / V.Sqrt(RowMoments<T, V>.Variance(from, mu) + V.Splat(epsilon));
            Write(from, mu, r, affine ? gain.Slice(feature, columns) : default, affine ? bias.Slice(feature, columns) : default, to);
            V.StoreScalar(mu, mean, part);
            V.StoreScalar(r, rstd, part);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<V>(DeviceBuffer<T> x, V mu, V r, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y)
        where V : struct, ISimd<V, T>
    {
        int i = 0;
        for (; i <= x.Length - V.Width; i += V.Width)
        {
            WriteAt(i, V.Width, x, mu, r, gain, bias, y);
        }
        if (i < x.Length)
        {
            WriteAt(i, x.Length - i, x, mu, r, gain, bias, y);
        }
    }

    // Called with a count of V.Width the partial loads and stores fold to plain ones, so that one text serves rows and their tails.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V>(int i, int count, DeviceBuffer<T> x, V mu, V r, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y)
        where V : struct, ISimd<V, T>
    {
        V xHat = (V.Load(x, i, count, mu) - mu) * r;
        V.Store(gain.Length == 0 ? xHat : V.MultiplyAdd(V.Load(gain, i, count, mu), xHat, V.Load(bias, i, count, mu)), y, i, count);
    }
}

/// <summary>One pass for the two averages and the sums over rows, one to write dx.</summary>
internal readonly struct LayerNormBackward<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, DeviceBuffer<T> dy,
    GradientSink<T> dx, GradientSink<T> dgain, GradientSink<T> dbias, int groups, int columns, DetachedStatistics detached)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), perColumn = V.Splat(T.One / T.CreateChecked(columns));
        for (int part = first * groups; part < end * groups; part++)
        {
            int feature = part % groups * columns, sums = (chunk * groups * columns) + feature;
            bool isFirst = part < (first + 1) * groups;
            DeviceBuffer<T> from = x.Slice(part * columns, columns), cotangent = dy.Slice(part * columns, columns);
            DeviceBuffer<T> scale = gain.Length == 0 ? default : gain.Slice(feature, columns);
            V mu = V.LoadSplat(mean, part), r = V.LoadSplat(rstd, part);
            (V sumU, V sumUxHat) = Sum(from, mu, r, scale, cotangent, PartOf(dgain, sums, isFirst), PartOf(dbias, sums, isFirst));
            if (dx.IsWanted)
            {
                V averageU = (detached & DetachedStatistics.Mean) != 0 ? zero : sumU * perColumn;
                V averageUxHat = (detached & DetachedStatistics.Rstd) != 0 ? zero : sumUxHat * perColumn;
                Write(from, mu, r, scale, cotangent, averageU, averageUxHat, new(dx.Buffer.Slice(part * columns, columns), dx.Accumulate));
            }
        }
    }

    // The first row of a chunk assigns its partial sums.
    private GradientSink<T> PartOf(GradientSink<T> sums, int start, bool isFirst) =>
        sums.IsWanted ? new(sums.Buffer.Slice(start, columns), sums.Accumulate || !isFirst) : default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V U, V UxHat) Sum<V>(
        DeviceBuffer<T> x, V mu, V r, DeviceBuffer<T> gain, DeviceBuffer<T> dy, GradientSink<T> dgain, GradientSink<T> dbias)
        where V : struct, ISimd<V, T>
    {
        V u0 = V.Splat(T.Zero), u1 = u0, p0 = u0, p1 = u0;
        int i = 0;
        for (; i <= x.Length - (2 * V.Width); i += 2 * V.Width)
        {
            SumAt(i, V.Width, x, mu, r, gain, dy, dgain, dbias, ref u0, ref p0);
            SumAt(i + V.Width, V.Width, x, mu, r, gain, dy, dgain, dbias, ref u1, ref p1);
        }
        for (; i < x.Length; i += V.Width)
        {
            SumAt(i, x.Length - i, x, mu, r, gain, dy, dgain, dbias, ref u0, ref p0);
        }
        return (V.Sum(u0 + u1), V.Sum(p0 + p1));
    }

    // Called with a count of V.Width the partial loads and stores fold to plain ones, so that one text serves rows and their tails.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumAt<V>(
        int i, int count, DeviceBuffer<T> x, V mu, V r, DeviceBuffer<T> gain, DeviceBuffer<T> dy, GradientSink<T> dgain, GradientSink<T> dbias,
        ref V sumU, ref V sumUxHat)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), g = V.Load(dy, i, count, zero), xHat = (V.Load(x, i, count, mu) - mu) * r;
        V u = gain.Length == 0 ? g : V.Load(gain, i, count, zero) * g;
        sumU += u;
        sumUxHat = V.MultiplyAdd(u, xHat, sumUxHat);
        if (dgain.IsWanted)
        {
            V.Store(dgain.Accumulate ? V.MultiplyAdd(g, xHat, V.Load(dgain.Buffer, i, count, zero)) : g * xHat, dgain.Buffer, i, count);
        }
        if (dbias.IsWanted)
        {
            V.Store(dbias.Accumulate ? g + V.Load(dbias.Buffer, i, count, zero) : g, dbias.Buffer, i, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<V>(
        DeviceBuffer<T> x, V mu, V r, DeviceBuffer<T> gain, DeviceBuffer<T> dy, V averageU, V averageUxHat, GradientSink<T> dx)
        where V : struct, ISimd<V, T>
    {
        int i = 0;
        for (; i <= x.Length - V.Width; i += V.Width)
        {
            WriteAt(i, V.Width, x, mu, r, gain, dy, averageU, averageUxHat, dx);
        }
        if (i < x.Length)
        {
            WriteAt(i, x.Length - i, x, mu, r, gain, dy, averageU, averageUxHat, dx);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V>(
        int i, int count, DeviceBuffer<T> x, V mu, V r, DeviceBuffer<T> gain, DeviceBuffer<T> dy, V averageU, V averageUxHat, GradientSink<T> dx)
        where V : struct, ISimd<V, T>
    {
        V g = V.Load(dy, i, count, mu), xHat = (V.Load(x, i, count, mu) - mu) * r;
        V u = gain.Length == 0 ? g : V.Load(gain, i, count, mu) * g;
        V result = r * (u - averageU - (xHat * averageUxHat));
        V.Store(dx.Accumulate ? result + V.Load(dx.Buffer, i, count, mu) : result, dx.Buffer, i, count);
    }
}
