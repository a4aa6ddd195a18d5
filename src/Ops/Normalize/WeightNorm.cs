using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Weight normalization (Salimans, Kingma 2016): the weights of each unit, a column v of an [inputs, units] matrix, get the length g,
/// fused:
/// <code>
/// w = g v / ||v||
/// </code>
/// Backward, per column. Only the direction of v matters, so that dv is what is left of dw across it:
/// <code>
/// dg = (dw . v) / ||v||      dv = (g / ||v||) (dw - dg v / ||v||)
/// </code>
/// Saves ||v||, one number per unit.
/// </summary>
public static class WeightNormExtensions
{
    extension<T>(Tensor<T> v)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Gives every column of an [inputs, units] matrix a length. A column of zeros has no direction and gives NaN.</summary>
        /// <param name="gain">(units,), the lengths g.</param>
        /// <exception cref="ArgumentException">v is not a matrix, or gain is not of one number per column.</exception>
        [GradCheck("5x3", "3")]
        [GradCheck("20x17", "17")]
        public Tensor<T> WeightNorm(Tensor<T> gain)
        {
            Tape<T> tape = Operands.TapeOf("WeightNorm", v, gain);
            if (v.Shape.Rank != 2)
            {
                throw new ArgumentException($"WeightNorm: v has shape {v.Shape}, but must be a matrix of inputs and units.");
            }
            int rows = v.Shape[0], columns = v.Shape[1];
            Operands.RequireShape("WeightNorm", "gain", gain, new Shape(columns));
            Tensor<T> w = tape.NewResult(v.Shape, v.NeedsGradient || gain.NeedsGradient);
            DeviceBuffer<T> norm = tape.Rent<T>(columns);
            tape.Backend.Run(
                new WeightNormForward<T>(v.Value, gain.Value, w.Value, norm, rows, columns), columns, ColumnChunks.Grain(rows, columns));
            if (w.NeedsGradient)
            {
                tape.Record<WeightNormNode<T>>(w, v, gain).Norm = norm;
            }
            return w;
        }
    }
}

internal sealed class WeightNormNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public DeviceBuffer<T> Norm { get; set; }

    public override string Op => "WeightNorm";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> v = Inputs[0], gain = Inputs[1];
        int rows = v.Shape[0], columns = v.Shape[1];
        GradientSink<T> dgain = gain.GradientSink(), dv = v.GradientSink();
        using Scratch<T> dots = backend.Pool.RentScratch<T>(columns);
        backend.Run(
            new WeightNormBackward<T>(v.Value, gain.Value, Norm, Output.Gradient, dv, dgain, dots.Buffer, rows, columns),
            columns, ColumnChunks.Grain(rows, columns));
    }
}

/// <summary>
/// One pass down the columns of a chunk for the lengths, one to write; rows in groups, as in <see cref="BatchNormForward{T}"/>.
/// </summary>
internal readonly struct WeightNormForward<T>(
    DeviceBuffer<T> v, DeviceBuffer<T> gain, DeviceBuffer<T> w, DeviceBuffer<T> norm, int rows, int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        int full = first + ((end - first) / V.Width * V.Width);
        for (int top = 0; top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                AddToNorm<V>(i, V.Width, top);
            }
            if (full < end)
            {
                AddToNorm<V>(full, end - full, top);
            }
        }
        for (int top = 0; top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                Write<V>(i, V.Width, top);
            }
            if (full < end)
            {
                Write<V>(full, end - full, top);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddToNorm<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = v;
        V zero = V.Splat(T.Zero), sum = zero;
        int bottom = Math.Min(rows, top + ColumnChunks.RowsPerGroup), last = ((bottom - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            V element = V.Load(from, k, count, zero);
            sum = V.MultiplyAdd(element, element, sum);
        }
        if (top > 0)
        {
            sum += V.Load(norm, i, count, zero);
        }
        V.Store(bottom == rows ? V.Sqrt(sum) : sum, norm, i, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = v, to = w;
        V one = V.Splat(T.One), scale = V.Load(gain, i, count, one) / V.Load(norm, i, count, one);
        int last = ((Math.Min(rows, top + ColumnChunks.RowsPerGroup) - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            V.Store(V.Load(from, k, count, one) * scale, to, k, count);
        }
    }
}

/// <summary>One pass down the columns for dw . v, one to write dv.</summary>
internal readonly struct WeightNormBackward<T>(
    DeviceBuffer<T> v, DeviceBuffer<T> gain, DeviceBuffer<T> norm, DeviceBuffer<T> dw, GradientSink<T> dv, GradientSink<T> dgain,
    DeviceBuffer<T> dots, int rows, int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        int full = first + ((end - first) / V.Width * V.Width);
        for (int top = 0; top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                AddToDot<V>(i, V.Width, top);
            }
            if (full < end)
            {
                AddToDot<V>(full, end - full, top);
            }
        }
        for (int top = 0; dv.IsWanted && top < rows; top += ColumnChunks.RowsPerGroup)
        {
            for (int i = first; i < full; i += V.Width)
            {
                Write<V>(i, V.Width, top);
            }
            if (full < end)
            {
                Write<V>(full, end - full, top);
            }
        }
    }

    // The last group divides by ||v||: dots then holds dg.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddToDot<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = v, cotangent = dw;
        V zero = V.Splat(T.Zero), sum = zero;
        int bottom = Math.Min(rows, top + ColumnChunks.RowsPerGroup), last = ((bottom - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            sum = V.MultiplyAdd(V.Load(cotangent, k, count, zero), V.Load(from, k, count, zero), sum);
        }
        if (top > 0)
        {
            sum += V.Load(dots, i, count, zero);
        }
        if (bottom == rows)
        {
            sum /= V.Load(norm, i, count, V.Splat(T.One));
            if (dgain.IsWanted)
            {
                V.Store(dgain.Accumulate ? sum + V.Load(dgain.Buffer, i, count, zero) : sum, dgain.Buffer, i, count);
            }
        }
        V.Store(sum, dots, i, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write<V>(int i, int count, int top)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = v, cotangent = dw, to = dv.Buffer;
        bool accumulate = dv.Accumulate;
        V one = V.Splat(T.One), length = V.Load(norm, i, count, one);
        V scale = V.Load(gain, i, count, one) / length, along = V.Load(dots, i, count, one) / length;
        int last = ((Math.Min(rows, top + ColumnChunks.RowsPerGroup) - 1) * columns) + i;
        for (int k = (top * columns) + i; k <= last; k += columns)
        {
            V result = scale * (V.Load(cotangent, k, count, one) - (along * V.Load(from, k, count, one)));
            V.Store(accumulate ? result + V.Load(to, k, count, one) : result, to, k, count);
        }
    }
}
