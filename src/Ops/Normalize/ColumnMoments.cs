using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Moments of the columns of every chunk of rows: their mean m, as the distance from the first row of all, and the sum S of (x - mean)^2.
/// </summary>
/// <remarks>
/// In one pass, 16 rows at a time, by distances d from what is known of the mean: that of the n rows of the chunk before, or of the first
/// four. Of k more rows
/// <code>
/// m += sum d / (n + k)      S += sum d^2 - (sum d)^2 / (n + k)
/// </code>
/// Little cancels, however far the column is from zero. sum d^2 is at least (sum d)^2 / k, so that no more than half of it is taken off if
/// there were k rows before; in the first rows no more than four fifths, since the mean of four is not further from that of all 16 than the
/// root of S / 4.
/// </remarks>
/// <param name="x">[rows, columns].</param>
/// <param name="means">[chunks, columns], written.</param>
/// <param name="squares">[chunks, columns], written.</param>
/// <param name="columns">The number of columns.</param>
internal readonly struct ColumnMoments<T>(DeviceBuffer<T> x, DeviceBuffer<T> means, DeviceBuffer<T> squares, int columns) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int RowsPerGroup = 16;
    private const int RowsOfFirstMean = 4;

    public static string DeviceSource => """
        struct Arguments { Buffer<real> x, means, squares; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int column = thread_in_block(); column < k.columns; column += threads_of_block())
            {
                const real shift = k.x[column];
                real sum = 0, squares = 0;
                for (int i = first * k.columns + column; i < end * k.columns; i += k.columns)
                    sum += k.x[i] - shift;
                const real mean = sum / (end - first);
                for (int i = first * k.columns + column; i < end * k.columns; i += k.columns)
                    squares = MultiplyAdd(k.x[i] - shift - mean, k.x[i] - shift - mean, squares);
                k.means[chunk * k.columns + column] = mean;
                k.squares[chunk * k.columns + column] = squares;
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int top = first; top < end; top += RowsPerGroup)
        {
            int bottom = Math.Min(end, top + RowsPerGroup);
            if (top == first)
            {
                Group<V, Assigned>(top, bottom, 0, chunk * columns);
            }
            else
            {
                Group<V, Added>(top, bottom, top - first, chunk * columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Group<V, TMode>(int top, int bottom, int rowsBefore, int to)
        where V : struct, ISimd<V, T>
        where TMode : ISinkMode
    {
        V perRow = V.Splat(T.One / T.CreateChecked(rowsBefore + bottom - top));
        int i = 0, width = 4 * V.Width;
        for (; i <= columns - width; i += width)
        {
            Strip<V, TMode>(i, width, top, bottom, perRow, to + i);
        }
        if (i < columns)
        {
            LastStrip<V, TMode>(i, top, bottom, perRow, to + i);
        }
    }

    // Apart, to stay within the inliner's budget.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void LastStrip<V, TMode>(int i, int top, int bottom, V perRow, int to)
        where V : struct, ISimd<V, T>
        where TMode : ISinkMode => Strip<V, TMode>(i, columns - i, top, bottom, perRow, to);

    // Four vectors of columns, or fewer columns than that.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Strip<V, TMode>(int i, int count, int top, int bottom, V perRow, int to)
        where V : struct, ISimd<V, T>
        where TMode : ISinkMode
    {
        DeviceBuffer<T> from = x;
        int w = V.Width, w2 = 2 * w, w3 = 3 * w;
        nint step = columns, last = ((bottom - 1) * step) + i;
        V zero = V.Splat(T.Zero), s0 = zero, s1 = zero, s2 = zero, s3 = zero, q0 = zero, q1 = zero, q2 = zero, q3 = zero;
        int few = Math.Min(bottom - top, RowsOfFirstMean);
        V c0 = Center<V, TMode>(i, count, top, few, to, out V m0), c1 = Center<V, TMode>(i + w, count - w, top, few, to + w, out V m1);
        V c2 = Center<V, TMode>(i + w2, count - w2, top, few, to + w2, out V m2);
        V c3 = Center<V, TMode>(i + w3, count - w3, top, few, to + w3, out V m3);
        for (nint k = (top * step) + i; k <= last; k += step)
        {
            AddRow(V.Load(from, k, count, zero) - c0, ref s0, ref q0);
            AddRow(V.Load(from, k + w, count - w, zero) - c1, ref s1, ref q1);
            AddRow(V.Load(from, k + w2, count - w2, zero) - c2, ref s2, ref q2);
            AddRow(V.Load(from, k + w3, count - w3, zero) - c3, ref s3, ref q3);
        }
        Keep<V, TMode>(m0, s0, q0, perRow, to, count);
        Keep<V, TMode>(m1, s1, q1, perRow, to + w, count - w);
        Keep<V, TMode>(m2, s2, q2, perRow, to + w2, count - w2);
        Keep<V, TMode>(m3, s3, q3, perRow, to + w3, count - w3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<V>(V distance, ref V sum, ref V squares)
        where V : struct, ISimd<V, T>
    {
        sum += distance;
        V.AddProduct(ref squares, distance, distance);
    }

    /// <summary>What distances are taken from, and how far that is from the first row of all.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V Center<V, TMode>(int column, int count, int top, int few, int to, out V mean)
        where V : struct, ISimd<V, T>
        where TMode : ISinkMode
    {
        V zero = V.Splat(T.Zero), origin = V.Load(x, column, count, zero);
        if (TMode.Accumulates)
        {
            mean = V.Load(means, to, count, zero);
            return origin + mean;
        }
        int first = (top * columns) + column;
        V row = V.Load(x, first, count, zero), sum = zero;
        for (int k = 1; k < few; k++)
        {
            sum += V.Load(x, first + (k * columns), count, zero) - row;
        }
        V center = V.MultiplyAdd(sum, V.Splat(T.One / T.CreateChecked(few)), row);
        mean = center - origin;
        return center;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Keep<V, TMode>(V mean, V sum, V squaresOfRows, V perRow, int to, int count)
        where V : struct, ISimd<V, T>
        where TMode : ISinkMode
    {
        V change = sum * perRow;
        V.Store(mean + change, means, to, count);
        V.Store(V.MultiplyAdd(-sum, change, squaresOfRows) + SinkMode<T, V>.Start<TMode>(squares, to, count), squares, to, count);
    }
}
