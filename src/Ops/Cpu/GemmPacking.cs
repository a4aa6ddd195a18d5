using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Copies pieces of A and B into the order in which the micro-kernel reads them.</summary>
/// <remarks>
/// A panel holds, for each step over K, the numbers of its rows of A (or columns of B) next to each other. Packing costs a read and a
/// write for each number, which then takes part in hundreds of multiply-adds; it makes all further reads contiguous, hides whether an
/// operand is transposed, and pads B with zeros to whole vectors.
/// </remarks>
internal static unsafe class GemmPacking<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    private const int RowsAhead = 16;

    /// <summary>
    /// to[k, i] = from[k, i] for i &lt; <paramref name="count"/>, then zeros up to <paramref name="width"/>: an operand stored K first.
    /// </summary>
    public static void CopyRows(T* from, nint rowStride, int depth, int count, T* to, int width)
    {
        V zero = V.Splat(T.Zero);
        int whole = count / V.Width * V.Width;
        for (int k = 0; k < depth; k++, from += rowStride, to += width)
        {
            int i = 0;
            for (; i < whole; i += V.Width)
            {
                // Rows are far apart, and the processor foresees only what is next in memory.
                if (Sse.IsSupported)
                {
                    Sse.Prefetch0(from + (RowsAhead * rowStride) + i);
                }
                Store(Load(from + i), to + i);
            }
            for (; i < width; i += V.Width)
            {
                V rest = V.Load(new DeviceBuffer<T>((nint)from, count), i, count - i, zero);
                V.Store(rest, new DeviceBuffer<T>((nint)to, width), i, width - i);
            }
        }
    }

    /// <summary>
    /// to[k, i] = from[i, k] for i &lt; <paramref name="count"/>, then zeros up to <paramref name="width"/>: an operand stored K last.
    /// </summary>
    public static void Transpose(T* from, nint rowStride, int depth, int count, T* to, int width)
    {
        int rows = 16 / sizeof(T), steps = 32 / sizeof(T);
        if (V.Width < steps || count < rows || depth < steps)
        {
            TransposeOneByOne(from, rowStride, depth, count, to, width);
        }
        else
        {
            for (int k = 0; k < depth; k += steps)
            {
                // The last block of a row or column overlaps the one before, so that none is partial.
                int step = Math.Min(k, depth - steps);
                T* column = from + step, line = to + (step * (nint)width);
                for (int i = 0; i < count; i += rows)
                {
                    int row = Math.Min(i, count - rows);
                    TransposeBlock(column + (row * rowStride), rowStride, line + row, width);
                }
            }
        }
        for (int k = 0; k < depth && count < width; k++)
        {
            new Span<T>(to + (k * (nint)width) + count, width - count).Clear();
        }
    }

    private static void TransposeOneByOne(T* from, nint rowStride, int depth, int count, T* to, int width)
    {
        for (int i = 0; i < count; i++)
        {
            T* row = from + (i * rowStride), column = to + i;
            for (int k = 0; k < depth; k++)
            {
                column[k * (nint)width] = row[k];
            }
        }
    }

    /// <summary>Four rows of 8 floats or two rows of 4 doubles, in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeBlock(T* from, nint fromStride, T* to, nint toStride)
    {
        if (sizeof(T) == sizeof(float))
        {
            TransposeFloats((float*)from, fromStride, (float*)to, toStride);
        }
        else
        {
            TransposeDoubles((double*)from, fromStride, (double*)to, toStride);
        }
    }

    // Two rounds of interleaving within the halves of registers: (a, b, c, d) -> (a0 b0 a1 b1), (c0 d0 c1 d1) -> (a0 b0 c0 d0). The upper
    // half holds what the lower one does for four steps later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeFloats(float* from, nint stride, float* to, nint toStride)
    {
        Vector256<float> a = Vector256.Load(from), b = Vector256.Load(from + stride);
        Vector256<float> c = Vector256.Load(from + (2 * stride)), d = Vector256.Load(from + (3 * stride));
        Vector256<double> ab = Avx.UnpackLow(a, b).AsDouble(), cd = Avx.UnpackLow(c, d).AsDouble();
        Vector256<double> abHigh = Avx.UnpackHigh(a, b).AsDouble(), cdHigh = Avx.UnpackHigh(c, d).AsDouble();
        float* later = to + (4 * toStride);
        StoreHalves(Avx.UnpackLow(ab, cd).AsSingle(), to, later);
        StoreHalves(Avx.UnpackHigh(ab, cd).AsSingle(), to + toStride, later + toStride);
        StoreHalves(Avx.UnpackLow(abHigh, cdHigh).AsSingle(), to + (2 * toStride), later + (2 * toStride));
        StoreHalves(Avx.UnpackHigh(abHigh, cdHigh).AsSingle(), to + (3 * toStride), later + (3 * toStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeDoubles(double* from, nint stride, double* to, nint toStride)
    {
        Vector256<double> a = Vector256.Load(from), b = Vector256.Load(from + stride);
        StoreHalves(Avx.UnpackLow(a, b), to, to + (2 * toStride));
        StoreHalves(Avx.UnpackHigh(a, b), to + toStride, to + (3 * toStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreHalves<TNumber>(Vector256<TNumber> value, TNumber* lower, TNumber* upper)
        where TNumber : unmanaged
    {
        value.GetLower().Store(lower);
        value.GetUpper().Store(upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(T* from) => V.Load(new DeviceBuffer<T>((nint)from, V.Width), 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V value, T* to) => V.Store(value, new DeviceBuffer<T>((nint)to, V.Width), 0);
}
