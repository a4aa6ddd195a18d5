using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Sums of dy and of dy (x - mean) down the columns of every chunk of rows, for 16 rows at a time, so that memory is read along rows.
/// </summary>
internal readonly struct BatchNormSums<T>(
    DeviceBuffer<T> x, DeviceBuffer<T> dy, DeviceBuffer<T> mean, DeviceBuffer<T> sums, DeviceBuffer<T> products, int columns)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int RowsPerGroup = 16;

    public static string DeviceSource => """
        struct Arguments { Buffer<real> x, dy, mean, sums, products; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int column = thread_in_block(); column < k.columns; column += threads_of_block())
            {
                real sum = 0, product = 0;
                for (int i = first * k.columns + column; i < end * k.columns; i += k.columns)
                {
                    sum += k.dy[i];
                    product = MultiplyAdd(k.dy[i], k.x[i] - k.mean[column], product);
                }
                k.sums[chunk * k.columns + column] = sum;
                k.products[chunk * k.columns + column] = product;
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
                Group<V, Assigned>(top, bottom, chunk * columns);
            }
            else
            {
                Group<V, Added>(top, bottom, chunk * columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Group<V, TSums>(int top, int bottom, int to)
        where V : struct, ISimd<V, T>
        where TSums : ISinkMode
    {
        int i = 0, width = 4 * V.Width;
        for (; i <= columns - width; i += width)
        {
            Strip<V, TSums>(i, width, top, bottom, to + i);
        }
        if (i < columns)
        {
            LastStrip<V, TSums>(i, top, bottom, to + i);
        }
    }

    // Apart, to stay within the inliner's budget.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void LastStrip<V, TSums>(int i, int top, int bottom, int to)
        where V : struct, ISimd<V, T>
        where TSums : ISinkMode => Strip<V, TSums>(i, columns - i, top, bottom, to);

    // Four vectors of columns, or fewer columns than that.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Strip<V, TSums>(int i, int count, int top, int bottom, int to)
        where V : struct, ISimd<V, T>
        where TSums : ISinkMode
    {
        DeviceBuffer<T> from = x, cotangent = dy;
        int w = V.Width, w2 = 2 * w, w3 = 3 * w;
        nint step = columns, last = ((bottom - 1) * step) + i;
        V zero = V.Splat(T.Zero), m0 = V.Load(mean, i, count, zero), m1 = V.Load(mean, i + w, count - w, zero);
        V m2 = V.Load(mean, i + w2, count - w2, zero), m3 = V.Load(mean, i + w3, count - w3, zero);
        V s0 = zero, s1 = zero, s2 = zero, s3 = zero, p0 = zero, p1 = zero, p2 = zero, p3 = zero;
        for (nint k = (top * step) + i; k <= last; k += step)
        {
            AddRow(k, count, cotangent, from, m0, ref s0, ref p0);
            AddRow(k + w, count - w, cotangent, from, m1, ref s1, ref p1);
            AddRow(k + w2, count - w2, cotangent, from, m2, ref s2, ref p2);
            AddRow(k + w3, count - w3, cotangent, from, m3, ref s3, ref p3);
        }
        Keep<V, TSums>(s0, p0, to, count);
        Keep<V, TSums>(s1, p1, to + w, count - w);
        Keep<V, TSums>(s2, p2, to + w2, count - w2);
        Keep<V, TSums>(s3, p3, to + w3, count - w3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<V>(nint k, int count, DeviceBuffer<T> dy, DeviceBuffer<T> x, V mean, ref V sum, ref V product)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), g = V.Load(dy, k, count, zero);
        sum += g;
        V.AddProduct(ref product, g, V.Load(x, k, count, zero) - mean);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Keep<V, TSums>(V sum, V product, int to, int count)
        where V : struct, ISimd<V, T>
        where TSums : ISinkMode
    {
        V.Store(sum + SinkMode<T, V>.Start<TSums>(sums, to, count), sums, to, count);
        V.Store(product + SinkMode<T, V>.Start<TSums>(products, to, count), products, to, count);
    }
}
