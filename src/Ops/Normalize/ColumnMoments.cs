using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Moments of the columns of every chunk of rows: their mean m, as the distance from the first row of all, and the sum S of (x - mean)^2.
/// </summary>
/// <remarks>
/// Taken for a few rows at a time, in two passes that find them in the first-level cache, and added up by Chan's formulas: x is read from
/// memory once. Nothing cancels: distances from the first row are of the size of the spread, however far the column is from zero.
/// </remarks>
/// <param name="x">[rows, columns].</param>
/// <param name="means">[chunks, columns], written.</param>
/// <param name="squares">[chunks, columns], written.</param>
/// <param name="columns">The number of columns.</param>
internal readonly struct ColumnMoments<T>(DeviceBuffer<T> x, DeviceBuffer<T> means, DeviceBuffer<T> squares, int columns) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int RowsPerGroup = 16;

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
        // The shares of these rows among them and those before, and of the square of the distance between the means.
        T n = T.CreateChecked(rowsBefore), k = T.CreateChecked(bottom - top);
        V perRow = V.Splat(T.One / k), share = V.Splat(k / (n + k)), distanceShare = V.Splat(n * k / (n + k));
        int i = 0, width = 4 * V.Width;
        for (; i <= columns - width; i += width)
        {
            Strip<V, TMode>(i, width, top, bottom, perRow, share, distanceShare, to + i);
        }
        if (i < columns)
        {
            LastStrip<V, TMode>(i, top, bottom, perRow, share, distanceShare, to + i);
        }
    }

    // Apart, to stay within the inliner's budget.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void LastStrip<V, TMode>(int i, int top, int bottom, V perRow, V share, V distanceShare, int to)
        where V : struct, ISimd<V, T>
        where TMode : ISinkMode => Strip<V, TMode>(i, columns - i, top, bottom, perRow, share, distanceShare, to);

    // Four vectors of columns, or fewer columns than that.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Strip<V, TMode>(int i, int count, int top, int bottom, V perRow, V share, V distanceShare, int to)
        where V : struct, ISimd<V, T>
        where TMode : ISinkMode
    {
        DeviceBuffer<T> from = x;
        int w = V.Width;
        nint step = columns, first = (top * step) + i, last = ((bottom - 1) * step) + i;
        V zero = V.Splat(T.Zero), s0 = zero, s1 = zero, s2 = zero, s3 = zero;
        V c0 = V.Load(from, i, count, zero), c1 = V.Load(from, i + w, count - w, zero);
        V c2 = V.Load(from, i + (2 * w), count - (2 * w), zero), c3 = V.Load(from, i + (3 * w), count - (3 * w), zero);
        for (nint k = first; k <= last; k += step)
        {
            s0 += V.Load(from, k, count, zero) - c0;
            s1 += V.Load(from, k + w, count - w, zero) - c1;
            s2 += V.Load(from, k + (2 * w), count - (2 * w), zero) - c2;
            s3 += V.Load(from, k + (3 * w), count - (3 * w), zero) - c3;
        }
        V m0 = s0 * perRow, m1 = s1 * perRow, m2 = s2 * perRow, m3 = s3 * perRow;
        (c0, c1, c2, c3) = (c0 + m0, c1 + m1, c2 + m2, c3 + m3);
        (s0, s1, s2, s3) = (zero, zero, zero, zero);
        for (nint k = first; k <= last; k += step)
        {
            AddSquare(ref s0, V.Load(from, k, count, zero) - c0);
            AddSquare(ref s1, V.Load(from, k + w, count - w, zero) - c1);
            AddSquare(ref s2, V.Load(from, k + (2 * w), count - (2 * w), zero) - c2);
            AddSquare(ref s3, V.Load(from, k + (3 * w), count - (3 * w), zero) - c3);
        }
        AddUp<V, TMode>(m0, s0, share, distanceShare, to, count);
        AddUp<V, TMode>(m1, s1, share, distanceShare, to + w, count - w);
        AddUp<V, TMode>(m2, s2, share, distanceShare, to + (2 * w), count - (2 * w));
        AddUp<V, TMode>(m3, s3, share, distanceShare, to + (3 * w), count - (3 * w));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSquare<V>(ref V sum, V value)
        where V : struct, ISimd<V, T> => V.AddProduct(ref sum, value, value);

    // Chan: of n numbers and k more, with d = m' - m: m + d k / (n + k) and S + S' + d^2 n k / (n + k).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddUp<V, TMode>(V mean, V sum, V share, V distanceShare, int to, int count)
        where V : struct, ISimd<V, T>
        where TMode : ISinkMode
    {
        if (TMode.Accumulates)
        {
            V meanBefore = V.Load(means, to, count, mean), distance = mean - meanBefore;
            mean = V.MultiplyAdd(distance, share, meanBefore);
            sum = V.MultiplyAdd(distance * distance, distanceShare, sum + V.Load(squares, to, count, sum));
        }
        V.Store(mean, means, to, count);
        V.Store(sum, squares, to, count);
    }
}
