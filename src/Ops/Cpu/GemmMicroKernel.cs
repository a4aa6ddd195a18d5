using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Where a tile of C goes, and what is added to it.</summary>
internal readonly unsafe struct Tile<T>(T* c, nint rowStride, int columns, T* bias, T alpha, bool add, T* spare)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The tile's first element.</summary>
    public readonly T* C = c;

    /// <summary>Elements from one row of C to the next.</summary>
    public readonly nint RowStride = rowStride;

    /// <summary>How many of the tile's columns are in C: the others come from padding and are dropped.</summary>
    public readonly int Columns = columns;

    /// <summary>What to add to each row, or null.</summary>
    public readonly T* Bias = bias;

    /// <summary>The factor of the product.</summary>
    public readonly T Alpha = alpha;

    /// <summary>Whether to add to C instead of assigning.</summary>
    public readonly bool Add = add;

    /// <summary>Room for the sums of a tile that cannot go to C as they are.</summary>
    public readonly T* Spare = spare;
}

/// <summary>Where a tile's panel of B comes from, and what is fetched for later meanwhile.</summary>
internal readonly unsafe struct Panel<T>(T* b, nint stride, T* copy = null, T* ahead = null, nint aheadStride = 0)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The first step's numbers.</summary>
    public readonly T* B = b;

    /// <summary>Elements from one step to the next.</summary>
    public readonly nint Stride = stride;

    /// <summary>Where to put what is read, one step after the other, for the tiles that follow; null for nowhere.</summary>
    public readonly T* Copy = copy;

    /// <summary>What every other step asks for one cache line of, to have it near when its turn comes.</summary>
    public readonly T* Ahead = ahead == null ? b : ahead;

    /// <summary>Elements from one such line to the next.</summary>
    public readonly nint AheadStride = aheadStride;
}

/// <summary>
/// The innermost loop of a matrix product: a tile of C stays in registers while one column of A meets one row of B at a time.
/// </summary>
/// <remarks>
/// A tile has up to <see cref="MR"/> rows of <see cref="NR"/> columns (two vectors). Each step over K loads two vectors of B and splats
/// MR numbers of A, for 2 MR multiply-adds. Those must be many: a multiply-add takes 4 cycles, and two start in each, so 8 sums or more
/// have to be under way; and a core loads two vectors a cycle, so MR + 2 loads must not take longer than the 2 MR / 2 cycles of
/// arithmetic. MR is as large as the registers allow: 24 sums and 2 + 1 operands of 32 registers at 512 bits, 12 and 2 + 1 of 16
/// otherwise. Every instruction takes a slot, of which a core that shares itself with another thread has few: with 512 bits, every
/// other row splats its number within the multiply-adds. All rows would need more loads than fit.
/// </remarks>
internal static unsafe class GemmMicroKernel<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>Rows of a full tile.</summary>
    public static int MR
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => V.Width * sizeof(T) == 64 ? 12 : 6;
    }

    /// <summary>Columns of a full tile.</summary>
    public static int NR
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * V.Width;
    }

    /// <summary>
    /// C tile = alpha A B (+ C) (+ bias): A holds <paramref name="rows"/> numbers for each of <paramref name="depth"/> steps, one step
    /// after the other; B holds a vector per step (if the tile is no wider) or two.
    /// </summary>
    public static void Run(int rows, nint depth, T* a, in Panel<T> b, in Tile<T> tile)
    {
        if (tile.Columns > V.Width)
        {
            Run<Count.Two>(rows, depth, a, b, tile);
        }
        else
        {
            Run<Count.One>(rows, depth, a, b, tile);
        }
    }

    private static void Run<TVectors>(int rows, nint depth, T* a, in Panel<T> b, in Tile<T> tile)
        where TVectors : struct, ICount
    {
        switch (rows)
        {
            case 1: Run<Count.One, TVectors>(depth, a, b, tile); break;
            case 2: Run<Count.Two, TVectors>(depth, a, b, tile); break;
            case 3: Run<Count.Three, TVectors>(depth, a, b, tile); break;
            case 4: Run<Count.Four, TVectors>(depth, a, b, tile); break;
            case 5: Run<Count.Five, TVectors>(depth, a, b, tile); break;
            case 6: Run<Count.Six, TVectors>(depth, a, b, tile); break;
            case 7: Run<Count.Seven, TVectors>(depth, a, b, tile); break;
            case 8: Run<Count.Eight, TVectors>(depth, a, b, tile); break;
            case 9: Run<Count.Nine, TVectors>(depth, a, b, tile); break;
            case 10: Run<Count.Ten, TVectors>(depth, a, b, tile); break;
            case 11: Run<Count.Eleven, TVectors>(depth, a, b, tile); break;
            default: Run<Count.Twelve, TVectors>(depth, a, b, tile); break;
        }
    }

    // c0 and d0 are the left and the right vector of the tile's row 0, and so on. Rows that TRows does not have leave no code. Compiled
    // with full optimization at once: the first call would otherwise spend seconds in slow code before it is noticed to be hot. Trap:
    // while sums are in registers nothing may be called. A call saves no vector register, so the JIT would write the sums to memory in
    // every step of the loop. Everything here must be inlined, and stay small enough that the JIT does; that is why the rare tiles are
    // finished elsewhere.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows, TVectors>(nint depth, T* a, in Panel<T> panel, in Tile<T> tile)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        bool isPlain = tile.Columns == TVectors.Value * V.Width && tile.Alpha == T.One && tile.Bias == null;
        V zero = V.Splat(T.Zero);
        V c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero;
        V c6 = zero, c7 = zero, c8 = zero, c9 = zero, c10 = zero, c11 = zero;
        V d0 = zero, d1 = zero, d2 = zero, d3 = zero, d4 = zero, d5 = zero;
        V d6 = zero, d7 = zero, d8 = zero, d9 = zero, d10 = zero, d11 = zero;
        T* b = panel.B, copy = panel.Copy, ahead = panel.Ahead;
        nint strideB = panel.Stride, aheadStride = panel.AheadStride;
        T* c = tile.C, endC = c + (TRows.Value * tile.RowStride);
        nint strideC = tile.RowStride;
        T* again = a;
        for (; depth > 0; depth--)
        {
            V left = Load(b), right = TVectors.Value > 1 ? Load(b + V.Width) : zero;
            if ((depth & 1) == 0 && Sse.IsSupported)
            {
                Sse.Prefetch1(ahead);
                ahead += aheadStride;
            }
            if ((depth & 3) == 1 && c < endC && Sse.IsSupported)
            {
                Sse.Prefetch0(c);
                Sse.Prefetch0(c + (TVectors.Value * V.Width) - 1);
                c += strideC;
            }
            if (copy != null)
            {
                Store(left, copy);
                if (TVectors.Value > 1)
                {
                    Store(right, copy + V.Width);
                }
                copy += TVectors.Value * V.Width;
            }
            MultiplyRow<TRows, TVectors>(0, a, left, right, ref c0, ref d0);
            MultiplyRow<TRows, TVectors>(1, a, again, left, right, ref c1, ref d1);
            MultiplyRow<TRows, TVectors>(2, a, left, right, ref c2, ref d2);
            MultiplyRow<TRows, TVectors>(3, a, again, left, right, ref c3, ref d3);
            MultiplyRow<TRows, TVectors>(4, a, left, right, ref c4, ref d4);
            MultiplyRow<TRows, TVectors>(5, a, again, left, right, ref c5, ref d5);
            MultiplyRow<TRows, TVectors>(6, a, left, right, ref c6, ref d6);
            MultiplyRow<TRows, TVectors>(7, a, again, left, right, ref c7, ref d7);
            MultiplyRow<TRows, TVectors>(8, a, left, right, ref c8, ref d8);
            MultiplyRow<TRows, TVectors>(9, a, again, left, right, ref c9, ref d9);
            MultiplyRow<TRows, TVectors>(10, a, left, right, ref c10, ref d10);
            MultiplyRow<TRows, TVectors>(11, a, again, left, right, ref c11, ref d11);
            a += TRows.Value;
            again += TRows.Value;
            b += strideB;
        }
        T* to = isPlain ? tile.C : tile.Spare;
        nint stride = isPlain ? tile.RowStride : NR;
        bool add = isPlain && tile.Add;
        StoreRow<TRows, TVectors>(0, c0, d0, to, stride, add);
        StoreRow<TRows, TVectors>(1, c1, d1, to, stride, add);
        StoreRow<TRows, TVectors>(2, c2, d2, to, stride, add);
        StoreRow<TRows, TVectors>(3, c3, d3, to, stride, add);
        StoreRow<TRows, TVectors>(4, c4, d4, to, stride, add);
        StoreRow<TRows, TVectors>(5, c5, d5, to, stride, add);
        StoreRow<TRows, TVectors>(6, c6, d6, to, stride, add);
        StoreRow<TRows, TVectors>(7, c7, d7, to, stride, add);
        StoreRow<TRows, TVectors>(8, c8, d8, to, stride, add);
        StoreRow<TRows, TVectors>(9, c9, d9, to, stride, add);
        StoreRow<TRows, TVectors>(10, c10, d10, to, stride, add);
        StoreRow<TRows, TVectors>(11, c11, d11, to, stride, add);
        if (!isPlain)
        {
            Finish(TRows.Value, tile);
        }
    }

    /// <summary>
    /// As the other one; if vectors are of 512 bits, each multiply-add splats the number of A itself: two instructions instead of three,
    /// two loads instead of one. <paramref name="again"/> is <paramref name="a"/>, kept apart lest the JIT join the two loads.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyRow<TRows, TVectors>(int row, T* a, T* again, V left, V right, ref V c, ref V d)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        if (V.Width * sizeof(T) < 64)
        {
            MultiplyRow<TRows, TVectors>(row, a, left, right, ref c, ref d);
        }
        else if (row < TRows.Value)
        {
            V.AddProduct(ref c, a[row], left);
            if (TVectors.Value > 1)
            {
                V.AddProduct(ref d, again[row], right);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyRow<TRows, TVectors>(int row, T* a, V left, V right, ref V c, ref V d)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        if (row < TRows.Value)
        {
            V factor = V.Splat(a[row]);
            V.AddProduct(ref c, factor, left);
            if (TVectors.Value > 1)
            {
                V.AddProduct(ref d, factor, right);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRow<TRows, TVectors>(int row, V c, V d, T* to, nint stride, bool add)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        if (row < TRows.Value)
        {
            T* left = to + (row * stride), right = left + V.Width;
            Store(add ? c + Load(left) : c, left);
            if (TVectors.Value > 1)
            {
                Store(add ? d + Load(right) : d, right);
            }
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
                V.Store(V.MultiplyAdd(alpha, Load(tile.Spare + (row * NR) + column), result), c, column, count);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(T* from) => V.Load(new DeviceBuffer<T>((nint)from, V.Width), 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V value, T* to) => V.Store(value, new DeviceBuffer<T>((nint)to, V.Width), 0);
}
