using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>A slab of B and the rows of C that it goes to, from one column on.</summary>
internal readonly unsafe struct GemmSlab<T>(T* b, nint stride, int steps, T* c, T* bias, bool add)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public readonly T* B = b;

    /// <summary>Elements from one row to the next, of B and of C.</summary>
    public readonly nint Stride = stride;

    public readonly int Steps = steps;

    public readonly T* C = c;

    public readonly T* Bias = bias;

    /// <summary>Whether to add to C instead of assigning.</summary>
    public readonly bool Add = add;

    /// <summary>Where the sums of squares of B's columns go; null for nowhere.</summary>
    public T* Squares { get; init; }

    /// <summary>Whether to add to those sums instead of assigning.</summary>
    public bool AddsSquares { get; init; }
}

/// <summary>A slab of B times rows of A, two vectors of columns at a time: what <see cref="GemmStream{T, V}"/> does slab by slab.</summary>
internal static unsafe class GemmStreamKernel<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>The most rows: 24 sums, two vectors of B and a factor in 32 registers of 512 bits; else 12 sums in 16 registers.</summary>
    public static int MR => V.Width * sizeof(T) == 64 ? 12 : 6;

    /// <summary>Columns at a time.</summary>
    public static int NR => 2 * V.Width;

    /// <summary>C (+)= A B for a slab of B and <paramref name="rows"/> rows of C; A's numbers of a step are next to each other.</summary>
    public static void Sweep(int rows, T* a, in GemmSlab<T> slab, int columns)
    {
        if (slab.Squares == null)
        {
            Sweep<No>(rows, a, slab, columns);
        }
        else
        {
            Sweep<Yes>(rows, a, slab, columns);
        }
    }

    private static void Sweep<TSquares>(int rows, T* a, in GemmSlab<T> slab, int columns)
        where TSquares : struct, IChoice
    {
        switch (rows)
        {
            case 1: Sweep<Count.One, TSquares>(a, slab, columns); break;
            case 2: Sweep<Count.Two, TSquares>(a, slab, columns); break;
            case 3: Sweep<Count.Three, TSquares>(a, slab, columns); break;
            case 4: Sweep<Count.Four, TSquares>(a, slab, columns); break;
            case 5: Sweep<Count.Five, TSquares>(a, slab, columns); break;
            case 6: Sweep<Count.Six, TSquares>(a, slab, columns); break;
            case 7: Sweep<Count.Seven, TSquares>(a, slab, columns); break;
            case 8: Sweep<Count.Eight, TSquares>(a, slab, columns); break;
            case 9: Sweep<Count.Nine, TSquares>(a, slab, columns); break;
            case 10: Sweep<Count.Ten, TSquares>(a, slab, columns); break;
            case 11: Sweep<Count.Eleven, TSquares>(a, slab, columns); break;
            default: Sweep<Count.Twelve, TSquares>(a, slab, columns); break;
        }
    }

    // As in GemmMicroKernel, nothing may be called while sums are in registers; a pair of cache lines is read or written at once. Not asked
    // to be optimized at once as there: small products come here, and what asks for that is compiled at every start, never ahead of time.
    private static void Sweep<TRows, TSquares>(T* factors, in GemmSlab<T> slab, int columns)
        where TRows : struct, ICount
        where TSquares : struct, IChoice
    {
        nint stride = slab.Stride;
        bool add = slab.Add;
        int column = 0;
        for (; column <= columns - NR; column += NR)
        {
            V left = V.Splat(T.Zero), right = left;
            if (slab.Bias != null)
            {
                left = Load(slab.Bias + column);
                right = Load(slab.Bias + column + V.Width);
            }
            V c0 = left, c1 = left, c2 = left, c3 = left, c4 = left, c5 = left;
            V c6 = left, c7 = left, c8 = left, c9 = left, c10 = left, c11 = left;
            V d0 = right, d1 = right, d2 = right, d3 = right, d4 = right, d5 = right;
            V d6 = right, d7 = right, d8 = right, d9 = right, d10 = right, d11 = right;
            V leftSquares = V.Splat(T.Zero), rightSquares = leftSquares;
            T* a = factors, b = slab.B + column, c = slab.C + column;
            for (int steps = slab.Steps; steps > 0; steps--)
            {
                left = Load(b);
                right = Load(b + V.Width);
                if (TSquares.IsMade)
                {
                    V.AddProduct(ref leftSquares, left, left);
                    V.AddProduct(ref rightSquares, right, right);
                }
                MultiplyRow<TRows, Count.Two>(0, a, left, right, ref c0, ref d0);
                MultiplyRow<TRows, Count.Two>(1, a, left, right, ref c1, ref d1);
                MultiplyRow<TRows, Count.Two>(2, a, left, right, ref c2, ref d2);
                MultiplyRow<TRows, Count.Two>(3, a, left, right, ref c3, ref d3);
                MultiplyRow<TRows, Count.Two>(4, a, left, right, ref c4, ref d4);
                MultiplyRow<TRows, Count.Two>(5, a, left, right, ref c5, ref d5);
                MultiplyRow<TRows, Count.Two>(6, a, left, right, ref c6, ref d6);
                MultiplyRow<TRows, Count.Two>(7, a, left, right, ref c7, ref d7);
                MultiplyRow<TRows, Count.Two>(8, a, left, right, ref c8, ref d8);
                MultiplyRow<TRows, Count.Two>(9, a, left, right, ref c9, ref d9);
                MultiplyRow<TRows, Count.Two>(10, a, left, right, ref c10, ref d10);
                MultiplyRow<TRows, Count.Two>(11, a, left, right, ref c11, ref d11);
                a += TRows.Value;
                b += stride;
            }
            StoreRow<TRows>(0, c0, d0, c, stride, add);
            StoreRow<TRows>(1, c1, d1, c, stride, add);
            StoreRow<TRows>(2, c2, d2, c, stride, add);
            StoreRow<TRows>(3, c3, d3, c, stride, add);
            StoreRow<TRows>(4, c4, d4, c, stride, add);
            StoreRow<TRows>(5, c5, d5, c, stride, add);
            StoreRow<TRows>(6, c6, d6, c, stride, add);
            StoreRow<TRows>(7, c7, d7, c, stride, add);
            StoreRow<TRows>(8, c8, d8, c, stride, add);
            StoreRow<TRows>(9, c9, d9, c, stride, add);
            StoreRow<TRows>(10, c10, d10, c, stride, add);
            StoreRow<TRows>(11, c11, d11, c, stride, add);
            if (TSquares.IsMade)
            {
                StoreRow<Count.One>(0, leftSquares, rightSquares, slab.Squares + column, stride, slab.AddsSquares);
            }
        }
        for (; column < columns; column += V.Width)
        {
            SweepRest<TRows, TSquares>(factors, slab, column, Math.Min(V.Width, columns - column));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyRow<TRows, TVectors>(int row, T* a, V left, V right, ref V c, ref V d)
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
    private static void StoreRow<TRows>(int row, V c, V d, T* to, nint stride, bool add)
        where TRows : struct, ICount
    {
        if (row < TRows.Value)
        {
            T* left = to + (row * stride), right = left + V.Width;
            Store(add ? c + Load(left) : c, left);
            Store(add ? d + Load(right) : d, right);
        }
    }

    /// <summary>One vector of columns, or the first <paramref name="count"/> of them.</summary>
    private static void SweepRest<TRows, TSquares>(T* a, in GemmSlab<T> slab, int column, int count)
        where TRows : struct, ICount
        where TSquares : struct, IChoice
    {
        T* b = slab.B + column, c = slab.C + column;
        nint stride = slab.Stride;
        bool add = slab.Add;
        V start = slab.Bias == null ? V.Splat(T.Zero) : Load(slab.Bias + column, count);
        V c0 = First<TRows>(0, c, stride, start, add, count);
        V c1 = First<TRows>(1, c, stride, start, add, count);
        V c2 = First<TRows>(2, c, stride, start, add, count);
        V c3 = First<TRows>(3, c, stride, start, add, count);
        V c4 = First<TRows>(4, c, stride, start, add, count);
        V c5 = First<TRows>(5, c, stride, start, add, count);
        V c6 = First<TRows>(6, c, stride, start, add, count);
        V c7 = First<TRows>(7, c, stride, start, add, count);
        V c8 = First<TRows>(8, c, stride, start, add, count);
        V c9 = First<TRows>(9, c, stride, start, add, count);
        V c10 = First<TRows>(10, c, stride, start, add, count);
        V c11 = First<TRows>(11, c, stride, start, add, count);
        V squares = V.Splat(T.Zero);
        for (int steps = slab.Steps; steps > 0; steps--)
        {
            V x = Load(b, count);
            if (TSquares.IsMade)
            {
                V.AddProduct(ref squares, x, x);
            }
            MultiplyRow<TRows, Count.One>(0, a, x, x, ref c0, ref x);
            MultiplyRow<TRows, Count.One>(1, a, x, x, ref c1, ref x);
            MultiplyRow<TRows, Count.One>(2, a, x, x, ref c2, ref x);
            MultiplyRow<TRows, Count.One>(3, a, x, x, ref c3, ref x);
            MultiplyRow<TRows, Count.One>(4, a, x, x, ref c4, ref x);
            MultiplyRow<TRows, Count.One>(5, a, x, x, ref c5, ref x);
            MultiplyRow<TRows, Count.One>(6, a, x, x, ref c6, ref x);
            MultiplyRow<TRows, Count.One>(7, a, x, x, ref c7, ref x);
            MultiplyRow<TRows, Count.One>(8, a, x, x, ref c8, ref x);
            MultiplyRow<TRows, Count.One>(9, a, x, x, ref c9, ref x);
            MultiplyRow<TRows, Count.One>(10, a, x, x, ref c10, ref x);
            MultiplyRow<TRows, Count.One>(11, a, x, x, ref c11, ref x);
            a += TRows.Value;
            b += stride;
        }
        Store<TRows>(0, c0, c, stride, count);
        Store<TRows>(1, c1, c, stride, count);
        Store<TRows>(2, c2, c, stride, count);
        Store<TRows>(3, c3, c, stride, count);
        Store<TRows>(4, c4, c, stride, count);
        Store<TRows>(5, c5, c, stride, count);
        Store<TRows>(6, c6, c, stride, count);
        Store<TRows>(7, c7, c, stride, count);
        Store<TRows>(8, c8, c, stride, count);
        Store<TRows>(9, c9, c, stride, count);
        Store<TRows>(10, c10, c, stride, count);
        Store<TRows>(11, c11, c, stride, count);
        if (TSquares.IsMade)
        {
            T* sums = slab.Squares + column;
            Store(slab.AddsSquares ? squares + Load(sums, count) : squares, sums, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V First<TRows>(int row, T* c, nint stride, V start, bool add, int count)
        where TRows : struct, ICount => row < TRows.Value && add ? start + Load(c + (row * stride), count) : start;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TRows>(int row, V value, T* c, nint stride, int count)
        where TRows : struct, ICount
    {
        if (row < TRows.Value)
        {
            Store(value, c + (row * stride), count);
        }
    }

    // Whole vectors have no number of lanes to be asked about while sums are in registers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(T* from) => V.Load(new DeviceBuffer<T>((nint)from, V.Width), 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V value, T* to) => V.Store(value, new DeviceBuffer<T>((nint)to, V.Width), 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V value, T* to, int count) => V.Store(value, new DeviceBuffer<T>((nint)to, count), 0, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load(T* from, int count) => V.Load(new DeviceBuffer<T>((nint)from, count), 0, count, V.Splat(T.Zero));
}
