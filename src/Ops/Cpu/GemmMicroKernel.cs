using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// The innermost loop of a matrix product: a tile of C stays in registers while one column of A meets one row of B at a time.
/// </summary>
/// <remarks>
/// A tile has up to <see cref="MR"/> rows of <see cref="NR"/> columns (three vectors). Each step over K loads three vectors of B and splats
/// MR numbers of A, for 3 MR multiply-adds. Those must be many: a multiply-add takes 4 cycles, and two start in each, so 8 sums or more
/// have to be under way; and a core loads two vectors a cycle, so MR + 3 loads must not take longer than the 3 MR / 2 cycles of arithmetic.
/// MR is as large as the registers allow: 24 sums, three vectors of B and a splat of 32 registers at 512 bits, 12 sums and as many operands
/// of 16 registers otherwise. A splat does not ask where its number lies, so A is read where it is, by rows or by columns. Where the number
/// of steps is even, each turn of the loop does two.
/// </remarks>
internal static unsafe partial class GemmMicroKernel<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    // How many steps there are for each row of C that is asked for: all at once would be more than a core can wait for.
    private const int StepsPerRow = 8;

    // How long before their turn rows of B are asked for: some 80 cycles, in which they come from L2 even if another thread uses it too.
    private const int StepsAhead = 7;

    /// <summary>Rows of a full tile.</summary>
    public static int MR
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => V.Width * sizeof(T) == 64 ? 8 : 4;
    }

    /// <summary>Columns of a full tile.</summary>
    public static int NR
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3 * V.Width;
    }

    // c0, d0 and e0 are the three vectors of the tile's row 0, and so on. Rows and vectors that the tile does not have leave no code.
    // Compiled with full optimization at once: the first call would otherwise spend seconds in slow code before it is noticed to be hot.
    // Trap: while sums are in registers nothing may be called. A call saves no vector register, so the JIT would write the sums to memory
    // in every step of the loop. Everything here must be inlined, and stay small enough that the JIT does; that is why the rare tiles are
    // finished elsewhere. Inlined methods bring variables of their own, of which the JIT keeps about 500 apart: the second step only fits
    // in because a row's sums are added to by one method, and loads and stores make no buffers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows, TVectors, TPanel, TSteps>(nint depth, in RowsOfA<T> rows, in Panel<T> panel, in Tile<T> tile)
        where TRows : struct, ICount
        where TVectors : struct, ICount
        where TPanel : struct, IPanelUse
        where TSteps : struct, ICount
    {
        V zero = V.Splat(T.Zero);
        V c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
        V d0 = zero, d1 = zero, d2 = zero, d3 = zero, d4 = zero, d5 = zero, d6 = zero, d7 = zero;
        V e0 = zero, e1 = zero, e2 = zero, e3 = zero, e4 = zero, e5 = zero, e6 = zero, e7 = zero;
        T* a = rows.First, b = panel.B, copy = panel.Copy, ahead = panel.Ahead;
        nint strideB = panel.Stride * sizeof(T), aheadStride = panel.AheadStride, stepA = rows.StepStride * sizeof(T);
        nint s1 = rows.RowStride, s2 = 2 * s1, s3 = 3 * s1, s4 = 4 * s1, s5 = 5 * s1, s6 = 6 * s1, s7 = 7 * s1;
        T* c = tile.C, end = tile.IsFar ? c + (TRows.Value * tile.RowStride) : c;
        while (depth != 0)
        {
            nint steps = depth;
            if (c < end)
            {
                FetchRow(c);
                c += tile.RowStride;
                steps = Math.Min(depth, StepsPerRow);
            }
            depth -= steps;
            do
            {
                if (TPanel.Fetches && (TSteps.Value == 2 || (steps & 1) == 0) && Sse.IsSupported)
                {
                    Sse.Prefetch1(ahead);
                    ahead += aheadStride;
                }
                LoadRow<TVectors, TPanel>(ref b, strideB, ref copy, out V x, out V y, out V z);
                MultiplyRow<TRows, TVectors>(0, a, 0, x, y, z, ref c0, ref d0, ref e0);
                MultiplyRow<TRows, TVectors>(1, a, s1, x, y, z, ref c1, ref d1, ref e1);
                MultiplyRow<TRows, TVectors>(2, a, s2, x, y, z, ref c2, ref d2, ref e2);
                MultiplyRow<TRows, TVectors>(3, a, s3, x, y, z, ref c3, ref d3, ref e3);
                MultiplyRow<TRows, TVectors>(4, a, s4, x, y, z, ref c4, ref d4, ref e4);
                MultiplyRow<TRows, TVectors>(5, a, s5, x, y, z, ref c5, ref d5, ref e5);
                MultiplyRow<TRows, TVectors>(6, a, s6, x, y, z, ref c6, ref d6, ref e6);
                MultiplyRow<TRows, TVectors>(7, a, s7, x, y, z, ref c7, ref d7, ref e7);
                a = Next(a, stepA);
                if (TSteps.Value == 2) // Written out: the JIT unrolls no loop of this size.
                {
                    LoadRow<TVectors, TPanel>(ref b, strideB, ref copy, out x, out y, out z);
                    MultiplyRow<TRows, TVectors>(0, a, 0, x, y, z, ref c0, ref d0, ref e0);
                    MultiplyRow<TRows, TVectors>(1, a, s1, x, y, z, ref c1, ref d1, ref e1);
                    MultiplyRow<TRows, TVectors>(2, a, s2, x, y, z, ref c2, ref d2, ref e2);
                    MultiplyRow<TRows, TVectors>(3, a, s3, x, y, z, ref c3, ref d3, ref e3);
                    MultiplyRow<TRows, TVectors>(4, a, s4, x, y, z, ref c4, ref d4, ref e4);
                    MultiplyRow<TRows, TVectors>(5, a, s5, x, y, z, ref c5, ref d5, ref e5);
                    MultiplyRow<TRows, TVectors>(6, a, s6, x, y, z, ref c6, ref d6, ref e6);
                    MultiplyRow<TRows, TVectors>(7, a, s7, x, y, z, ref c7, ref d7, ref e7);
                    a = Next(a, stepA);
                }
                steps -= TSteps.Value;
            }
            while (steps != 0);
        }
        bool isPlain = tile.Columns == TVectors.Value * V.Width && tile.Alpha == T.One && tile.Bias == null;
        T* to = isPlain ? tile.C : tile.Spare;
        nint stride = isPlain ? tile.RowStride : NR;
        bool add = isPlain && tile.Add;
        StoreRow<TRows, TVectors>(0, c0, d0, e0, to, stride, add);
        StoreRow<TRows, TVectors>(1, c1, d1, e1, to, stride, add);
        StoreRow<TRows, TVectors>(2, c2, d2, e2, to, stride, add);
        StoreRow<TRows, TVectors>(3, c3, d3, e3, to, stride, add);
        StoreRow<TRows, TVectors>(4, c4, d4, e4, to, stride, add);
        StoreRow<TRows, TVectors>(5, c5, d5, e5, to, stride, add);
        StoreRow<TRows, TVectors>(6, c6, d6, e6, to, stride, add);
        StoreRow<TRows, TVectors>(7, c7, d7, e7, to, stride, add);
        if (!isPlain)
        {
            Finish(TRows.Value, tile);
        }
    }

    /// <summary>Asks for the cache lines of a row of C, or of B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FetchRow(T* row)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(row);
            Sse.Prefetch0(row + V.Width);
            Sse.Prefetch0(row + (2 * V.Width));
            Sse.Prefetch0(row + NR - 1);
        }
    }

    /// <summary>The next step's vectors of B, and what is done with them besides multiplying.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadRow<TVectors, TPanel>(ref T* b, nint stride, ref T* copy, out V x, out V y, out V z)
        where TVectors : struct, ICount
        where TPanel : struct, IPanelUse
    {
        x = Load(b, 0);
        y = TVectors.Value > 1 ? Load(b, V.Width) : default;
        z = TVectors.Value > 2 ? Load(b, 2 * V.Width) : default;
        b = Next(b, stride);
        if (TPanel.Strides)
        {
            FetchRow(Next(b, StepsAhead * stride));
        }
        if (TPanel.Copies)
        {
            StoreVectors<TVectors>(x, y, z, copy);
            copy += TVectors.Value * V.Width;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyRow<TRows, TVectors>(int row, T* a, nint at, V x, V y, V z, ref V c, ref V d, ref V e)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        if (row >= TRows.Value)
        {
            return;
        }
        switch (TVectors.Value)
        {
            case 1: V.AddProduct(ref c, V.Splat(a[at]), x); break;
            case 2: V.AddProducts(ref c, ref d, V.Splat(a[at]), x, y); break;
            default: V.AddProducts(ref c, ref d, ref e, V.Splat(a[at]), x, y, z); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TRows, TVectors>(int row, V c, V d, V e, T* to, nint stride, bool add)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        if (row < TRows.Value)
        {
            to += row * stride;
            if (add)
            {
                c += Load(to, 0);
                d = TVectors.Value > 1 ? d + Load(to, V.Width) : d;
                e = TVectors.Value > 2 ? e + Load(to, 2 * V.Width) : e;
            }
            StoreVectors<TVectors>(c, d, e, to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreVectors<TVectors>(V c, V d, V e, T* to)
        where TVectors : struct, ICount
    {
        Store(c, to, 0);
        if (TVectors.Value > 1)
        {
            Store(d, to, V.Width);
        }
        if (TVectors.Value > 2)
        {
            Store(e, to, 2 * V.Width);
        }
    }

    /// <summary>Moves the sums in the tile's spare room to C, with all that the tile asks for.</summary>
    private static void Finish(int rows, in Tile<T> tile)
    {
        V zero = V.Splat(T.Zero), alpha = V.Splat(tile.Alpha);
        for (int row = 0; row < rows; row++)
        {
            DeviceBuffer<T> c = new((nint)(tile.C + (row * tile.RowStride)), tile.Columns), bias = new((nint)tile.Bias, tile.Columns);
            for (int column = 0; column < tile.Columns; column += V.Width)
            {
                int count = tile.Columns - column;
                V result = tile.Add ? V.Load(c, column, count, zero) : zero;
                if (tile.Bias != null)
                {
                    result += V.Load(bias, column, count, zero);
                }
                V.Store(V.MultiplyAdd(alpha, Load(tile.Spare, (row * NR) + column), result), c, column, count);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T* Next(T* from, nint bytes) => (T*)((byte*)from + bytes);

    // A vector is its lanes in order. Dual numbers, which are not, multiply by products of plain ones and never come here.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(T* from, nint index) => Unsafe.ReadUnaligned<V>(from + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V value, T* to, nint index) => Unsafe.WriteUnaligned(to + index, value);
}
