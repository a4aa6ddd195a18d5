using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>The loop under optimizer rules: one pass over value, gradient and state, all parameters in one parallel job.</summary>
/// <remarks>
/// For Adam, its arithmetic and bringing in its arrays from the outer cache take about the same time, and hide behind each other only as
/// far as the processor looks ahead: every instruction counts. Prefetching by hand gained nothing.
/// </remarks>
internal static unsafe class UpdateLoops<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>Elements per chunk, a multiple of every width: streams long enough for the processor to foresee them.</summary>
    private const int Chunk = 16384;

    public static void Update<TRule>(WorkerPool workers, TRule rule, ReadOnlySpan<UpdateCall<T>> calls)
        where TRule : unmanaged, IUpdateRule<T>
    {
        int chunks = 0;
        foreach (ref readonly UpdateCall<T> call in calls)
        {
            chunks += ChunksOf(call);
        }
        fixed (UpdateCall<T>* first = calls)
        {
            workers.Run(new Job<TRule>(rule, first, chunks - 1), chunks);
        }
    }

    private static int ChunksOf(in UpdateCall<T> call) => (call.Value.Length + ChunkOf(call) - 1) / ChunkOf(call);

    /// <summary>Elements per chunk of a call: whole rows, if the gradient is a product.</summary>
    private static int ChunkOf(in UpdateCall<T> call) =>
        call.Product.Rows == 0 ? Chunk : Math.Max(1, Chunk / call.Product.Outputs) * call.Product.Outputs;

    private readonly struct Job<TRule>(TRule rule, UpdateCall<T>* calls, int last) : IChunkJob
        where TRule : unmanaged, IUpdateRule<T>
    {
        private readonly TRule rule = rule; // Read in place: numbers loaded to all lanes cost no arithmetic slot.

        /// <summary>
        /// Chunks are counted through all calls, from the last to the first: the backward pass ended at the last weights and the next
        /// forward pass begins at the first, so that some of both are found in the L2 cache.
        /// </summary>
        public void Run(int chunk)
        {
            chunk = last - chunk;
            UpdateCall<T>* call = calls;
            for (int chunks = ChunksOf(*call); chunk >= chunks; chunks = ChunksOf(*call))
            {
                chunk -= chunks;
                call++;
            }
            int length = ChunkOf(*call), first = chunk * length, end = Math.Min(first + length, call->Value.Length);
            if (call->Product.Rows == 0)
            {
                Apply(in rule, *call, first, end);
                return;
            }
            int firstRow = first / call->Product.Outputs, endRow = end / call->Product.Outputs;
            switch (call->Product.Rows % 4)
            {
                case 1: ApplyToRows<TRule, Count.One>(in rule, *call, firstRow, endRow); break;
                case 2: ApplyToRows<TRule, Count.Two>(in rule, *call, firstRow, endRow); break;
                case 3: ApplyToRows<TRule, Count.Three>(in rule, *call, firstRow, endRow); break;
                default: ApplyToRows<TRule, Count.Four>(in rule, *call, firstRow, endRow); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Apply<TRule>(in TRule rule, in UpdateCall<T> call, int first, int end)
        where TRule : unmanaged, IUpdateRule<T>
    {
        Arrays to = new(call);
        DeviceBuffer<T> gradient = call.Gradient;
        int i = first;
        for (; i <= end - V.Width; i += V.Width)
        {
            Apply(in rule, V.Load(gradient, i), to, i);
        }
        for (; i < end; i += V.Width)
        {
            Apply(in rule, V.Load(gradient, i, end - i, V.Splat(T.Zero)), to, i, end - i);
        }
    }

    /// <summary>Updates rows of weights whose gradient is a product of so many rows, and perhaps some more by fours.</summary>
    private static void ApplyToRows<TRule, TRows>(in TRule rule, in UpdateCall<T> call, int first, int end)
        where TRule : unmanaged, IUpdateRule<T>
        where TRows : struct, ICount
    {
        OuterProducts<T> product = call.Product;
        int rows = product.Rows, inputs = product.Inputs, columns = product.Outputs;
        T* memory = stackalloc T[2 * rows];
        DeviceBuffer<T> xi = new((nint)memory, rows, rows); // The second half is for tangents.
        for (int i = first; i < end; i++)
        {
            for (int r = 0; r < rows; r++)
            {
                V.StoreScalar(V.LoadSplat(product.X, (r * inputs) + i), xi, r);
            }
            if (columns >= 2 * V.Width)
            {
                ApplyToRow<TRule, TRows>(in rule, call, xi, i);
            }
            if (columns % (2 * V.Width) > 0)
            {
                ApplyToRestOfRow(in rule, call, xi, i);
            }
        }
    }

    /// <summary>Row i of the weights. Its gradient is the sum of x_ri dy_r over rows r of the batch, less its shares of the row.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ApplyToRow<TRule, TRows>(in TRule rule, in UpdateCall<T> call, DeviceBuffer<T> xi, int i)
        where TRule : unmanaged, IUpdateRule<T>
        where TRows : struct, ICount
    {
        Arrays to = new(call);
        nint columns = call.Product.Outputs, rows = xi.Length, first = i * columns;
        DeviceBuffer<T> shares = call.Product.Shares, dy = call.Product.Dy;
        DeviceBuffer<T> dy1 = Row<TRows>(dy, 1, columns), dy2 = Row<TRows>(dy, 2, columns), dy3 = Row<TRows>(dy, 3, columns);
        V zero = V.Splat(T.Zero), x0 = V.LoadSplat(xi, 0), x1 = TRows.Value > 1 ? V.LoadSplat(xi, 1) : zero;
        V x2 = TRows.Value > 2 ? V.LoadSplat(xi, 2) : zero, x3 = TRows.Value > 3 ? V.LoadSplat(xi, 3) : zero;
        // The rule's numbers need no registers: they cost nothing where an instruction splats what it reads.
        for (nint column = 0; column <= columns - (2 * V.Width); column += 2 * V.Width)
        {
            V gradient0 = zero, gradient1 = zero;
            AddProducts(ref gradient0, ref gradient1, x0, dy, column);
            if (TRows.Value > 1)
            {
                AddProducts(ref gradient0, ref gradient1, x1, dy1, column);
            }
            if (TRows.Value > 2)
            {
                AddProducts(ref gradient0, ref gradient1, x2, dy2, column);
            }
            if (TRows.Value > 3)
            {
                AddProducts(ref gradient0, ref gradient1, x3, dy3, column);
            }
            for (nint r = TRows.Value, at = (r * columns) + column; r < rows; r += 4, at += 4 * columns)
            {
                AddProducts(ref gradient0, ref gradient1, V.LoadSplat(xi, r), dy, at);
                AddProducts(ref gradient0, ref gradient1, V.LoadSplat(xi, r + 1), dy, at + columns);
                AddProducts(ref gradient0, ref gradient1, V.LoadSplat(xi, r + 2), dy, at + (2 * columns));
                AddProducts(ref gradient0, ref gradient1, V.LoadSplat(xi, r + 3), dy, at + (3 * columns));
            }
            if (shares.Length > 0)
            {
                gradient0 -= V.Load(shares, column) * V.Load(to.Value, first + column);
                gradient1 -= V.Load(shares, column + V.Width) * V.Load(to.Value, first + column + V.Width);
            }
            Apply(in rule, gradient0, to, first + column);
            Apply(in rule, gradient1, to, first + column + V.Width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static DeviceBuffer<T> Row<TRows>(DeviceBuffer<T> dy, int row, nint columns)
        where TRows : struct, ICount => row < TRows.Value ? dy.Slice((int)(row * columns), (int)columns) : default;

    /// <summary>Two vectors' share of a row of the batch in the gradient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddProducts(ref V gradient0, ref V gradient1, V x, DeviceBuffer<T> dy, nint at)
    {
        V.AddProduct(ref gradient0, x, dy, at);
        V.AddProduct(ref gradient1, x, dy, at + V.Width);
    }

    /// <summary>The last columns of row i, less than two vectors of them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ApplyToRestOfRow<TRule>(in TRule rule, in UpdateCall<T> call, DeviceBuffer<T> xi, int i)
        where TRule : unmanaged, IUpdateRule<T>
    {
        Arrays to = new(call);
        int rows = xi.Length, columns = call.Product.Outputs, first = i * columns;
        DeviceBuffer<T> shares = call.Product.Shares, dy = call.Product.Dy;
        V zero = V.Splat(T.Zero);
        for (int column = columns - (columns % (2 * V.Width)); column < columns; column += V.Width)
        {
            int count = columns - column;
            V gradient = zero;
            for (int r = 0, at = column; r < rows; r++, at += columns)
            {
                V.AddProduct(ref gradient, V.LoadSplat(xi, r), V.Load(dy, at, count, zero));
            }
            if (shares.Length > 0)
            {
                gradient -= V.Load(shares, column, count, zero) * V.Load(to.Value, first + column, count, zero);
            }
            Apply(in rule, gradient, to, first + column, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Apply<TRule>(in TRule rule, V gradient, in Arrays to, nint i, int count)
        where TRule : unmanaged, IUpdateRule<T>
    {
        V zero = V.Splat(T.Zero);
        V s0 = TRule.StateCount > 0 ? V.Load(to.State0, i, count, zero) : zero;
        V s1 = TRule.StateCount > 1 ? V.Load(to.State1, i, count, zero) : zero;
        // By reference, or the compiler copies the rule first.
        (V v, s0, s1) = Unsafe.AsRef(in rule).Update(V.Load(to.Value, i, count, zero), gradient, s0, s1);
        V.Store(v, to.Value, i, count);
        if (TRule.StateCount > 0)
        {
            V.Store(s0, to.State0, i, count);
        }
        if (TRule.StateCount > 1)
        {
            V.Store(s1, to.State1, i, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Apply<TRule>(in TRule rule, V gradient, in Arrays to, nint i)
        where TRule : unmanaged, IUpdateRule<T>
    {
        V zero = V.Splat(T.Zero);
        V s0 = TRule.StateCount > 0 ? V.Load(to.State0, i) : zero, s1 = TRule.StateCount > 1 ? V.Load(to.State1, i) : zero;
        (V v, s0, s1) = Unsafe.AsRef(in rule).Update(V.Load(to.Value, i), gradient, s0, s1);
        V.Store(v, to.Value, i);
        if (TRule.StateCount > 0)
        {
            V.Store(s0, to.State0, i);
        }
        if (TRule.StateCount > 1)
        {
            V.Store(s1, to.State1, i);
        }
    }

    /// <summary>What an update writes.</summary>
    private readonly ref struct Arrays(in UpdateCall<T> call)
    {
        public readonly DeviceBuffer<T> Value = call.Value, State0 = call.State0, State1 = call.State1;
    }
}
