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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
            for (; i < count; i++)
            {
                to[i] = from[i];
            }
            for (; i < width; i++)
            {
                to[i] = T.Zero;
            }
        }
    }

    /// <summary>
    /// to[k, i] = from[i, k] for i &lt; <paramref name="count"/>, then zeros up to <paramref name="width"/>: an operand stored K last.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(T* from, nint rowStride, int depth, int count, T* to, int width)
    {
        int block = 32 / sizeof(T);
        if (V.Width < block || count < block || depth < block)
        {
            TransposeOneByOne(from, rowStride, depth, count, to, width);
        }
        else
        {
            for (int i = 0; i < count; i += block)
            {
                // The last block of a row or column overlaps the one before, so that none is partial.
                int first = Math.Min(i, count - block);
                T* row = from + (first * rowStride);
                for (int k = 0; k < depth; k += block)
                {
                    int step = Math.Min(k, depth - block);
                    TransposeBlock(row + step, rowStride, to + (step * (nint)width) + first, width);
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

    /// <summary>A square of 8 x 8 floats or 4 x 4 doubles, in registers.</summary>
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

    // Row i and row i + 4 share a register as its lower and upper half; then two rounds of interleaving do for both halves at once what
    // they do for a 4 x 4 square: (a, b, c, d) -> (a0 b0 a1 b1), (c0 d0 c1 d1) -> (a0 b0 c0 d0). Loading the halves apart saves a third
    // round.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeFloats(float* from, nint stride, float* to, nint toStride)
    {
        float* lower = from + (4 * stride);
        for (int half = 0; half < 2; half++, from += 4, lower += 4, to += 4 * toStride)
        {
            Vector256<float> a = Vector256.Create(Vector128.Load(from), Vector128.Load(lower));
            Vector256<float> b = Vector256.Create(Vector128.Load(from + stride), Vector128.Load(lower + stride));
            Vector256<float> c = Vector256.Create(Vector128.Load(from + (2 * stride)), Vector128.Load(lower + (2 * stride)));
            Vector256<float> d = Vector256.Create(Vector128.Load(from + (3 * stride)), Vector128.Load(lower + (3 * stride)));
            Vector256<double> ab = Avx.UnpackLow(a, b).AsDouble(), cd = Avx.UnpackLow(c, d).AsDouble();
            Vector256<double> abHigh = Avx.UnpackHigh(a, b).AsDouble(), cdHigh = Avx.UnpackHigh(c, d).AsDouble();
            Avx.UnpackLow(ab, cd).AsSingle().Store(to);
            Avx.UnpackHigh(ab, cd).AsSingle().Store(to + toStride);
            Avx.UnpackLow(abHigh, cdHigh).AsSingle().Store(to + (2 * toStride));
            Avx.UnpackHigh(abHigh, cdHigh).AsSingle().Store(to + (3 * toStride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeDoubles(double* from, nint stride, double* to, nint toStride)
    {
        double* lower = from + (2 * stride);
        for (int half = 0; half < 2; half++, from += 2, lower += 2, to += 2 * toStride)
        {
            Vector256<double> a = Vector256.Create(Vector128.Load(from), Vector128.Load(lower));
            Vector256<double> b = Vector256.Create(Vector128.Load(from + stride), Vector128.Load(lower + stride));
            Avx.UnpackLow(a, b).Store(to);
            Avx.UnpackHigh(a, b).Store(to + toStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(T* from) => V.Load(new DeviceBuffer<T>((nint)from, V.Width), 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V value, T* to) => V.Store(value, new DeviceBuffer<T>((nint)to, V.Width), 0);
}
