using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Up to 4 x 4 dot products at once: what <see cref="GemmDot{T, V}"/> does for a tile of C.</summary>
internal static unsafe class GemmDotKernel<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>
    /// C tile = alpha A B^T (+ C) (+ bias) for <paramref name="rows"/> rows of A and <paramref name="columns"/> rows of B^T, each of
    /// <paramref name="depth"/> numbers.
    /// </summary>
    public static void Run(int rows, int columns, int depth, T* a, T* b, in Tile<T> tile)
    {
        switch (rows)
        {
            case 1: Run<Count.One>(columns, depth, a, b, tile); break;
            case 2: Run<Count.Two>(columns, depth, a, b, tile); break;
            case 3: Run<Count.Three>(columns, depth, a, b, tile); break;
            default: Run<Count.Four>(columns, depth, a, b, tile); break;
        }
    }

    private static void Run<TRows>(int columns, int depth, T* a, T* b, in Tile<T> tile)
        where TRows : struct, ICount
    {
        switch (columns)
        {
            case 1: Run<TRows, Count.One>(depth, a, b, tile); break;
            case 2: Run<TRows, Count.Two>(depth, a, b, tile); break;
            case 3: Run<TRows, Count.Three>(depth, a, b, tile); break;
            default: Run<TRows, Count.Four>(depth, a, b, tile); break;
        }
    }

    // cij sums the lanes of row i of A times row j of B^T. As in GemmMicroKernel, nothing may be called while sums are in registers.
    private static void Run<TRows, TColumns>(int depth, T* a, T* b, in Tile<T> tile)
        where TRows : struct, ICount
        where TColumns : struct, ICount
    {
        V zero = V.Splat(T.Zero);
        V c00 = zero, c01 = zero, c02 = zero, c03 = zero, c10 = zero, c11 = zero, c12 = zero, c13 = zero;
        V c20 = zero, c21 = zero, c22 = zero, c23 = zero, c30 = zero, c31 = zero, c32 = zero, c33 = zero;
        nint stride = depth;
        int k = 0;
        for (; k <= depth - V.Width; k += V.Width)
        {
            T* y = b + k, x = a + k;
            V y0 = Load(y), y1 = TColumns.Value > 1 ? Load(y + stride) : zero;
            V y2 = TColumns.Value > 2 ? Load(y + (2 * stride)) : zero;
            V y3 = TColumns.Value > 3 ? Load(y + (3 * stride)) : zero;
            MultiplyRow<TColumns>(Load(x), y0, y1, y2, y3, ref c00, ref c01, ref c02, ref c03);
            if (TRows.Value > 1)
            {
                MultiplyRow<TColumns>(Load(x + stride), y0, y1, y2, y3, ref c10, ref c11, ref c12, ref c13);
            }
            if (TRows.Value > 2)
            {
                MultiplyRow<TColumns>(Load(x + (2 * stride)), y0, y1, y2, y3, ref c20, ref c21, ref c22, ref c23);
            }
            if (TRows.Value > 3)
            {
                MultiplyRow<TColumns>(Load(x + (3 * stride)), y0, y1, y2, y3, ref c30, ref c31, ref c32, ref c33);
            }
        }
        if (k < depth)
        {
            int count = depth - k;
            T* y = b + k, x = a + k;
            V y0 = Load(y, count), y1 = TColumns.Value > 1 ? Load(y + stride, count) : zero;
            V y2 = TColumns.Value > 2 ? Load(y + (2 * stride), count) : zero;
            V y3 = TColumns.Value > 3 ? Load(y + (3 * stride), count) : zero;
            MultiplyRow<TColumns>(Load(x, count), y0, y1, y2, y3, ref c00, ref c01, ref c02, ref c03);
            if (TRows.Value > 1)
            {
                MultiplyRow<TColumns>(Load(x + stride, count), y0, y1, y2, y3, ref c10, ref c11, ref c12, ref c13);
            }
            if (TRows.Value > 2)
            {
                MultiplyRow<TColumns>(Load(x + (2 * stride), count), y0, y1, y2, y3, ref c20, ref c21, ref c22, ref c23);
            }
            if (TRows.Value > 3)
            {
                MultiplyRow<TColumns>(Load(x + (3 * stride), count), y0, y1, y2, y3, ref c30, ref c31, ref c32, ref c33);
            }
        }
        StoreRow<TRows, TColumns>(0, c00, c01, c02, c03, tile.Spare);
        StoreRow<TRows, TColumns>(1, c10, c11, c12, c13, tile.Spare);
        StoreRow<TRows, TColumns>(2, c20, c21, c22, c23, tile.Spare);
        StoreRow<TRows, TColumns>(3, c30, c31, c32, c33, tile.Spare);
        Finish(TRows.Value, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyRow<TColumns>(V x, V y0, V y1, V y2, V y3, ref V c0, ref V c1, ref V c2, ref V c3)
        where TColumns : struct, ICount
    {
        V.AddProduct(ref c0, x, y0);
        if (TColumns.Value > 1)
        {
            V.AddProduct(ref c1, x, y1);
        }
        if (TColumns.Value > 2)
        {
            V.AddProduct(ref c2, x, y2);
        }
        if (TColumns.Value > 3)
        {
            V.AddProduct(ref c3, x, y3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TRows, TColumns>(int row, V c0, V c1, V c2, V c3, T* to)
        where TRows : struct, ICount
        where TColumns : struct, ICount
    {
        if (row < TRows.Value)
        {
            to += row * TColumns.Value * V.Width;
            Store(c0, to);
            if (TColumns.Value > 1)
            {
                Store(c1, to + V.Width);
            }
            if (TColumns.Value > 2)
            {
                Store(c2, to + (2 * V.Width));
            }
            if (TColumns.Value > 3)
            {
                Store(c3, to + (3 * V.Width));
            }
        }
    }

    /// <summary>
    /// Adds up the lanes of each sum in the tile's spare room and moves the result to C, with all that the tile asks for.
    /// </summary>
    private static void Finish(int rows, in Tile<T> tile)
    {
        V alpha = V.Splat(tile.Alpha);
        T* lanes = tile.Spare;
        for (int row = 0; row < rows; row++)
        {
            DeviceBuffer<T> c = new((nint)(tile.C + (row * tile.RowStride)), tile.Columns);
            for (int column = 0; column < tile.Columns; column++, lanes += V.Width)
            {
                V result = tile.Add ? V.LoadSplat(c, column) : V.Splat(T.Zero);
                if (tile.Bias != null)
                {
                    result += V.Splat(tile.Bias[column]);
                }
                V.StoreScalar(V.MultiplyAdd(alpha, V.Sum(Load(lanes)), result), c, column);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(T* from) => V.Load(new DeviceBuffer<T>((nint)from, V.Width), 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V value, T* to) => V.Store(value, new DeviceBuffer<T>((nint)to, V.Width), 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(T* from, int count) => V.Load(new DeviceBuffer<T>((nint)from, count), 0, count, V.Splat(T.Zero));
}
