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
            ApplyToRows(in rule, *call, first / call->Product.Outputs, end / call->Product.Outputs);
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

    /// <summary>Updates rows of weights whose gradient is a product.</summary>
    private static void ApplyToRows<TRule>(in TRule rule, in UpdateCall<T> call, int first, int end)
        where TRule : unmanaged, IUpdateRule<T>
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
                ApplyToRow(in rule, call, xi, i);
            }
            if (columns % (2 * V.Width) > 0)
            {
                ApplyToRestOfRow(in rule, call, xi, i);
            }
        }
    }

    /// <summary>Row i of the weights. Its gradient is the sum of x_ri dy_r over rows r of the batch, less its shares of the row.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ApplyToRow<TRule>(in TRule rule, in UpdateCall<T> call, DeviceBuffer<T> xi, int i)
        where TRule : unmanaged, IUpdateRule<T>
    {
        Arrays to = new(call);
        nint columns = call.Product.Outputs, rows = xi.Length, first = i * columns;
        DeviceBuffer<T> shares = call.Product.Shares, dy = call.Product.Dy;
        V zero = V.Splat(T.Zero);
        // Two vectors share the splats of x. Not the rule's numbers: those cost nothing where an instruction splats what it reads.
        for (nint column = 0; column <= columns - (2 * V.Width); column += 2 * V.Width)
        {
            V gradient0 = zero, gradient1 = zero;
            nint r = 0, at = column; // Four rows at a time: each instruction of the loop itself counts.
            for (; r <= rows - 4; r += 4, at += 4 * columns)
            {
                AddProducts(ref gradient0, ref gradient1, xi, r, dy, at);
                AddProducts(ref gradient0, ref gradient1, xi, r + 1, dy, at + columns);
                AddProducts(ref gradient0, ref gradient1, xi, r + 2, dy, at + (2 * columns));
                AddProducts(ref gradient0, ref gradient1, xi, r + 3, dy, at + (3 * columns));
            }
            for (; r < rows; r++, at += columns)
            {
                AddProducts(ref gradient0, ref gradient1, xi, r, dy, at);
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

    /// <summary>Two vectors' share of row r of the batch in the gradient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddProducts(ref V gradient0, ref V gradient1, DeviceBuffer<T> xi, nint r, DeviceBuffer<T> dy, nint at)
    {
        V x = V.LoadSplat(xi, r);
        V.AddProduct(ref gradient0, x, V.Load(dy, at));
        V.AddProduct(ref gradient1, x, V.Load(dy, at + V.Width));
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
