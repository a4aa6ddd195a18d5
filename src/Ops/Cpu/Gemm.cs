using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Matrix products: how the work is cut so that operands come from near caches.</summary>
/// <remarks>
/// The scheme is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with as little packing as
/// possible: a panel of B is copied by the first tile that reads it, A is read in place unless its rows push each other out of the cache.
/// <code>
/// for each block of at most MC rows of C            \  one chunk of work is one such block
/// for each group of column panels of C              /  and one such group
///   for each block of at most KC steps over K       A's MC x KC block stays in L2
///     for each panel of NR columns                  B's KC x NR panel stays in L1 or near it
///       for each tile of MR rows                    MR x NR of C in registers: the micro-kernel
/// </code>
/// If all of B stays in L2, the last two loops change places, and it is read where it is. <see cref="GemmPlan{T, V}"/> decides.
/// Products that do little with each number go other ways: <see cref="GemmDot{T, V}"/>, <see cref="GemmNarrow{T, V}"/> and
/// <see cref="GemmStream{T, V}"/>. Rows are spread evenly over tiles (7 or 6 each for 20), so no arithmetic is spent on padding of A.
/// An element of C is computed by one chunk, in the order of K that the shape fixes: results do not depend on the number of threads.
/// </remarks>
internal static unsafe class Gemm<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    private static int MR => GemmMicroKernel<T, V>.MR;

    private static int NR => GemmMicroKernel<T, V>.NR;

    /// <summary>Computes <paramref name="call"/>.</summary>
    public static void Multiply(WorkerPool workers, in GemmCall<T> call)
    {
        if (call.M == 0 || call.N == 0 || call.Batch == 0)
        {
            return;
        }
        if (GemmDot<T, V>.IsFaster(call))
        {
            GemmDot<T, V>.Multiply(workers, call);
            return;
        }
        if (GemmNarrow<T, V>.IsFaster(call))
        {
            GemmNarrow<T, V>.Multiply(workers, call);
            return;
        }
        if (GemmStream<T, V>.IsFaster(call))
        {
            GemmStream<T, V>.Multiply(workers, call);
            return;
        }
        GemmPlan<T, V> plan = new(call, workers.Threads);
        MultiplyJob multiply = new(plan.PacksB ? call with { PackedB = PackB(workers, call) } : call, plan);
        workers.Run(multiply, multiply.Chunks);
    }

    /// <summary>Whether the squares of B's columns can be summed in passing: B is read once, and registers are left for them.</summary>
    public static bool SumsSquares(in GemmCall<T> call) =>
        call.Batch == 1 && !call.TransposeB && call.M < GemmStreamKernel<T, V>.MR && GemmStream<T, V>.IsFaster(call) &&
        !GemmDot<T, V>.IsFaster(call) && !GemmNarrow<T, V>.IsFaster(call);

    private static DeviceBuffer<T> PackB(WorkerPool workers, in GemmCall<T> call) => PackedB<T, V>.Pack(
        workers, call.B, call.K, call.N, call.TransposeB, GemmWorkspace.Shared<T>(PackedB<T, V>.Length(call.K, call.N)));

    /// <summary>Computes a block of rows of a group of panels of C.</summary>
    private readonly struct MultiplyJob(in GemmCall<T> call, GemmPlan<T, V> plan) : IChunkJob
    {
        private readonly GemmCall<T> call = call;
        private readonly long job = plan.PacksA ? GemmWorkspace.NextJob() : 0;

        public int Chunks => plan.RowBlocks * plan.Groups * (plan.SumsBatch ? 1 : call.Batch);

        public void Run(int chunk)
        {
            int product = Math.DivRem(chunk, plan.RowBlocks * plan.Groups, out int part);
            int block = Math.DivRem(part, plan.Groups, out int group);
            int end = plan.SumsBatch ? call.Batch : product + 1;
            for (int first = product; product < end; product++)
            {
                for (int depthBlock = 0; depthBlock < plan.DepthBlocks; depthBlock++)
                {
                    bool isFirst = product == first && depthBlock == 0;
                    MultiplyBlock(product, block, group, depthBlock * plan.KC, isFirst);
                }
            }
        }

        private void MultiplyBlock(int product, int block, int group, int k, bool isFirst)
        {
            int depth = Math.Min(plan.KC, call.K - k);
            int firstTile = plan.FirstTile(block), endTile = plan.FirstTile(block + 1);
            nint lengthOfPanel = NR * (nint)depth, lengthOfA = plan.PacksA ? (endTile - firstTile) * MR * (nint)depth : 0;
            T* room = GemmWorkspace.Own<T>(lengthOfPanel + (NR * MR) + lengthOfA);
            int piece = (((product * plan.RowBlocks) + block) * plan.DepthBlocks) + (k / plan.KC);
            GemmBlock<T> of = new()
            {
                A = (T*)call.A.Address + ((nint)product * call.StrideA),
                B = (T*)call.B.Address + ((nint)product * call.StrideB),
                C = (T*)call.C.Address + ((nint)product * call.StrideC),
                Bias = isFirst ? (T*)call.Bias.Address : null,
                Add = call.Accumulate || !isFirst,
                Step = k,
                Depth = depth,
                FirstTile = firstTile,
                EndTile = endTile,
                FirstPanel = plan.FirstPanel(group),
                EndPanel = plan.FirstPanel(group + 1),
                Room = room,
                Spare = room + lengthOfPanel,
                PackedA = room + lengthOfPanel + (NR * MR),
                PacksA = plan.PacksA && !GemmWorkspace.Keeps(job, piece),
            };
            if (plan.KeepsB)
            {
                MultiplyRows(of);
            }
            else
            {
                MultiplyPanels(of);
            }
        }

        /// <summary>Tile by tile, for a B that stays near as it is. Only its last panel may be no whole number of vectors.</summary>
        private void MultiplyRows(in GemmBlock<T> block)
        {
            Panel<T> last = Near(block, block.EndPanel - 1);
            for (int tile = block.FirstTile; tile < block.EndTile; tile++)
            {
                for (int panel = block.FirstPanel; panel < block.EndPanel - 1; panel++)
                {
                    MultiplyTile(block, tile, panel, InPlace(block, panel));
                }
                MultiplyTile(block, tile, block.EndPanel - 1, last);
            }
        }

        /// <summary>Panel by panel. The first tile leaves a copy of the panel for the others, which fetch what comes next.</summary>
        private void MultiplyPanels(in GemmBlock<T> block)
        {
            for (int panel = block.FirstPanel; panel < block.EndPanel; panel++)
            {
                Panel<T> b = Near(block, panel);
                int part = 0;
                for (int tile = block.FirstTile; tile < block.EndTile; tile++)
                {
                    if (tile == block.FirstTile && b.B != block.Room && call.PackedB.Length == 0)
                    {
                        MultiplyTile(block, tile, panel, new Panel<T>(b.B, b.Stride, block.Room));
                        b = new Panel<T>(block.Room, PackedB<T, V>.PanelWidth(Math.Min(NR, call.N - (panel * NR))));
                    }
                    else
                    {
                        MultiplyTile(block, tile, panel, Fetch(block, panel, b, part++));
                    }
                }
            }
        }

        private void MultiplyTile(in GemmBlock<T> block, int tile, int panel, in Panel<T> b)
        {
            int row = plan.FirstRow(tile), rows = plan.FirstRow(tile + 1) - row, column = panel * NR;
            T* c = block.C + ((nint)row * call.N) + column, bias = block.Bias == null ? null : block.Bias + column;
            Tile<T> target = new(c, call.N, Math.Min(NR, call.N - column), bias, call.Alpha, block.Add, block.Spare, plan.IsFar);
            RowsOfA<T> a = plan.PacksA ? Packed(block, tile, panel, row, rows)
                : call.TransposeA ? new RowsOfA<T>(block.A + ((nint)block.Step * call.M) + row, 1, call.M)
                : new RowsOfA<T>(block.A + ((nint)row * call.K) + block.Step, call.K, 1);
            GemmMicroKernel<T, V>.Run(rows, block.Depth, a, b, target);
        }

        /// <summary>A tile's rows of A next to each other, which the first panel copies there.</summary>
        private RowsOfA<T> Packed(in GemmBlock<T> block, int tile, int panel, int row, int rows)
        {
            T* packed = block.PackedA + ((tile - block.FirstTile) * MR * (nint)block.Depth);
            if (block.PacksA && panel == block.FirstPanel)
            {
                if (call.TransposeA)
                {
                    T* from = block.A + ((nint)block.Step * call.M) + row;
                    GemmPacking<T, V>.CopyRows(from, call.M, block.Depth, rows, packed, rows);
                }
                else
                {
                    T* from = block.A + ((nint)row * call.K) + block.Step;
                    GemmPacking<T, V>.Transpose(from, call.K, block.Depth, rows, packed, rows);
                }
            }
            return new RowsOfA<T>(packed, 1, rows);
        }

        /// <summary>A panel as the tiles can read it: where it is, if it is of whole vectors, or packed.</summary>
        private Panel<T> Near(in GemmBlock<T> block, int panel)
        {
            int column = panel * NR, columns = Math.Min(NR, call.N - column), width = PackedB<T, V>.PanelWidth(columns);
            if (call.PackedB.Length > 0)
            {
                return new Panel<T>((T*)call.PackedB.Address + ((nint)column * call.K) + ((nint)block.Step * width), width);
            }
            if (columns == width && !call.TransposeB)
            {
                return InPlace(block, panel);
            }
            PackedB<T, V>.PackPanel(block.B, call.K, call.N, call.TransposeB, block.Step, block.Depth, column, columns, block.Room);
            return new Panel<T>(block.Room, width);
        }

        private Panel<T> InPlace(in GemmBlock<T> block, int panel) =>
            new(block.B + ((nint)block.Step * call.N) + (panel * NR), call.N, isFar: plan.IsFar);

        /// <summary>
        /// The panel <paramref name="b"/>, read while part <paramref name="part"/> of the panel that comes after it is fetched from far
        /// memory: the rows of a half of its steps, one cache line of each.
        /// </summary>
        private Panel<T> Fetch(in GemmBlock<T> block, int panel, in Panel<T> b, int part)
        {
            const int lineBytes = 64;
            int lines = NR * sizeof(T) / lineBytes, next = panel + 1, step = block.Step;
            bool isPacked = call.PackedB.Length > 0;
            nint stride = isPacked ? NR : call.N;
            T* from = isPacked ? (T*)call.PackedB.Address : block.B;
            if (((nint)from | (stride * sizeof(T))) % lineBytes != 0)
            {
                // Rows start within lines, and end a line later.
                lines++;
            }
            // A transposed B is read along its rows, which the processor foresees.
            if (part >= 2 * lines || (call.TransposeB && !isPacked))
            {
                return b;
            }
            if (next == block.EndPanel)
            {
                bool isLast = step + block.Depth >= call.K;
                (next, step) = isLast ? (next, 0) : (block.FirstPanel, step + block.Depth);
            }
            from += next * NR * (isPacked ? call.K : (nint)1);
            from += ((step + (part / lines * (block.Depth / 2))) * stride) + Math.Min(part % lines * (lineBytes / sizeof(T)), NR - 1);
            return new Panel<T>(b.B, b.Stride, null, from, stride);
        }
    }
}
