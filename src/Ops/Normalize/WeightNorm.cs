using System.Numerics;
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
            ColumnSums<T>.Dot(tape.Backend, v.Value, v.Value, norm, rows);
            tape.Backend.Map(default(SqrtOp<T>), norm, norm);
            tape.Backend.Run(new WeightNormForward<T>(v.Value, gain.Value, norm, w.Value, columns), rows, RowChunks.Grain(rows, columns));
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
        using Scratch<T> along = backend.Pool.RentScratch<T>(columns);
        ColumnSums<T>.Dot(backend, Output.Gradient, v.Value, along.Buffer, rows);
        backend.Zip(default(DivideOp<T>), new ZipOperands<T>(along.Buffer, gain.Shape, Norm, gain.Shape, gain.Shape), along.Buffer);
        if (dgain.IsWanted)
        {
            Strides strides = Strides.RowMajor(gain.Shape);
            backend.Copy(new CopyCall<T>(along.Buffer, strides, dgain.Buffer, strides, gain.Shape, T.One, dgain.Accumulate));
        }
        if (dv.IsWanted)
        {
            backend.Run(
                new WeightNormBackward<T>(v.Value, gain.Value, Norm, along.Buffer, Output.Gradient, dv, columns),
                rows, RowChunks.Grain(rows, columns));
        }
    }
}

/// <summary>Sums down the columns of a matrix, which is read row after row as it lies in memory.</summary>
internal readonly struct ColumnSums<T> : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly DeviceBuffer<T> a, b, partials;
    private readonly int columns;

    private ColumnSums(DeviceBuffer<T> a, DeviceBuffer<T> b, DeviceBuffer<T> partials, int columns) =>
        (this.a, this.b, this.partials, this.columns) = (a, b, partials, columns);

    /// <summary>y[i] = a's column i . b's column i. A chunk of rows makes one row of partial sums; these are added in order.</summary>
    public static void Dot(IBackend<T> backend, DeviceBuffer<T> a, DeviceBuffer<T> b, DeviceBuffer<T> y, int rows)
    {
        int columns = y.Length, chunks = RowChunks.Count(rows, columns);
        using Scratch<T> partials = backend.Pool.RentScratch<T>(chunks * columns);
        backend.Run(new ColumnSums<T>(a, b, partials.Buffer, columns), rows, RowChunks.Grain(rows, columns));
        backend.Reduce(default(SumReduction<T>), new ReduceCall<T>(partials.Buffer, y, 1, chunks, columns, T.One, false));
    }

    public static string DeviceSource => """
        struct Arguments { Buffer<real> a, b, partials; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int column = thread_in_block(); column < k.columns; column += threads_of_block())
            {
                real sum = 0;
                for (int i = first * k.columns + column; i < end * k.columns; i += k.columns)
                    sum = MultiplyAdd(k.a[i], k.b[i], sum);
                k.partials[chunk * k.columns + column] = sum;
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> left = a, right = b;
        V zero = V.Splat(T.Zero);
        int step = columns;
        for (int i = 0; i < step; i += V.Width)
        {
            int count = step - i;
            V sum = zero;
            for (int k = (first * step) + i; k < end * step; k += step)
            {
                sum = V.MultiplyAdd(V.Load(left, k, count, zero), V.Load(right, k, count, zero), sum);
            }
            V.Store(sum, partials, (chunk * step) + i, count);
        }
    }
}

/// <summary>Multiplies every column by g / ||v||: a vector of columns at a time, down the rows of the chunk.</summary>
internal readonly struct WeightNormForward<T>(DeviceBuffer<T> v, DeviceBuffer<T> gain, DeviceBuffer<T> norm, DeviceBuffer<T> w, int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> v, gain, norm, w; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first * k.columns + thread_in_block(); i < end * k.columns; i += threads_of_block())
                k.w[i] = k.v[i] * (k.gain[i % k.columns] / k.norm[i % k.columns]);
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = v, to = w;
        V one = V.Splat(T.One);
        int step = columns;
        for (int i = 0; i < step; i += V.Width)
        {
            int count = step - i;
            V scale = V.Load(gain, i, count, one) / V.Load(norm, i, count, one);
            for (int k = (first * step) + i; k < end * step; k += step)
            {
                V.Store(V.Load(from, k, count, one) * scale, to, k, count);
            }
        }
    }
}

/// <summary>Writes dv, a vector of columns at a time, down the chunk's rows; <paramref name="along"/> holds (dw . v) / ||v||.</summary>
internal readonly struct WeightNormBackward<T>(
    DeviceBuffer<T> v, DeviceBuffer<T> gain, DeviceBuffer<T> norm, DeviceBuffer<T> along, DeviceBuffer<T> dw,
    GradientSink<T> dv, int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> v, gain, norm, along, dw; Sink dv; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first * k.columns + thread_in_block(); i < end * k.columns; i += threads_of_block())
            {
                const int column = i % k.columns;
                const real scale = k.gain[column] / k.norm[column], share = k.along[column] / k.norm[column];
                k.dv.write(i, scale * (k.dw[i] - share * k.v[i]));
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = v, cotangent = dw, to = dv.Buffer;
        bool accumulate = dv.Accumulate;
        V one = V.Splat(T.One);
        int step = columns;
        for (int i = 0; i < step; i += V.Width)
        {
            int count = step - i;
            V length = V.Load(norm, i, count, one), scale = V.Load(gain, i, count, one) / length;
            V share = V.Load(along, i, count, one) / length;
            for (int k = (first * step) + i; k < end * step; k += step)
            {
                V result = scale * (V.Load(cotangent, k, count, one) - (share * V.Load(from, k, count, one)));
                V.Store(accumulate ? result + V.Load(to, k, count, one) : result, to, k, count);
            }
        }
    }
}
