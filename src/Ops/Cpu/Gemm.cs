using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Matrix products: how the work is cut so that operands come from near caches.</summary>
/// <remarks>
/// The scheme is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the panel of B packed
/// on the way, by the first tile that reads it (a large B that several blocks of rows read: before):
/// <code>
/// pack all of A                                     once, shared by all threads
/// for each block of at most MC rows of C            \  one chunk of work is one such block
/// for each group of column panels of C              /  and one such group
///   for each block of at most KC steps over K       A's MC x KC block stays in L2
///     for each panel of NR columns                  B's KC x NR panel stays in L1 or near it
///       for each tile of MR rows                    MR x NR of C in registers: the micro-kernel
/// </code>
/// Products for which packing does not pay go other ways: <see cref="GemmDot{T, V}"/>, <see cref="GemmNarrow{T, V}"/> and
/// <see cref="GemmStream{T, V}"/>. Rows are spread evenly over tiles (11 or 10 each for 64), so no arithmetic is spent on padding of A.
/// An element of C is computed by one chunk, in the order of K that the shape fixes: results do not depend on the number of threads.
/// </remarks>
internal static unsafe class Gemm<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    // A block of MC x KC stays in L2 (1 to 2 MiB) while it meets all panels of a group, whose numbers pass by once. The fewer its rows, the
    // more steps it may have: every block over K but the first reads C again, and far memory is slow.
    private const int BytesOfBlock = 768 << 10;
    private const int MC = 384;
    private const int BytesOfFarB = 2 << 20;

    // A chunk should take some microseconds, or handing it out costs more than it gains; some 16 keep a few threads equally busy. Products up
    // to a square one of 160 (60 us) stay on one core, since what a second one gains it spends on fetching the packed A from the first.
    private const long FlopsPerChunk = 1 << 20;
    private const long FlopsToShare = 1 << 23;
    private const int MaxGroups = 16;
    private const int ElementsPerPackingChunk = 16384;

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
        Plan plan = new(call);
        int matricesOfA = call.StrideA == 0 ? 1 : call.Batch;
        nint lengthOfA = (nint)matricesOfA * call.M * call.K, startOfB = (lengthOfA + NR - 1) / NR * NR;
        T* packedA = GemmWorkspace.Shared<T>(startOfB + (plan.PacksB ? PackedB<T, V>.Length(call.K, call.N) : 0));
        int tilesPerChunk = plan.Chunks == 1 ? plan.Tiles : Math.Max(1, ElementsPerPackingChunk / (MR * Math.Max(1, call.K)));
        PackJob pack = new(call, plan, packedA, tilesPerChunk);
        workers.Run(pack, matricesOfA * pack.ChunksPerMatrix);
        GemmCall<T> packed = plan.PacksB
            ? call with { PackedB = PackedB<T, V>.Pack(workers, call.B, call.K, call.N, call.TransposeB, packedA + startOfB) }
            : call;
        MultiplyJob multiply = new(packed, plan, packedA);
        workers.Run(multiply, plan.Chunks);
    }

    /// <summary>How a product is cut; by its extents alone.</summary>
    private readonly struct Plan
    {
        public Plan(in GemmCall<T> call)
        {
            rows = call.M;
            Tiles = (call.M + MR - 1) / MR;
            int mostTiles = MC / MR, blocks = (Tiles + mostTiles - 1) / mostTiles;
            TilesPerBlock = (Tiles + blocks - 1) / blocks;
            RowBlocks = (Tiles + TilesPerBlock - 1) / TilesPerBlock;

            int mostSteps = BytesOfBlock / (sizeof(T) * TilesPerBlock * MR);
            DepthBlocks = Math.Max(1, (call.K + mostSteps - 1) / mostSteps);
            KC = (call.K + DepthBlocks - 1) / DepthBlocks;

            Panels = (call.N + NR - 1) / NR;
            bool isFar = (long)call.N * call.K * sizeof(T) > BytesOfFarB, isOne = call.StrideB == 0 || call.Batch == 1;
            PacksB = RowBlocks > 1 && isFar && isOne && call.PackedB.Length == 0;
            SumsBatch = call.StrideC == 0;
            long flops = 2L * call.M * call.N * call.K * (SumsBatch ? call.Batch : 1) / RowBlocks;
            int groups = flops < FlopsToShare ? 1 : (int)Math.Min(flops / FlopsPerChunk, Math.Min(Panels, MaxGroups));
            PanelsPerGroup = (Panels + groups - 1) / groups;
            Groups = (Panels + PanelsPerGroup - 1) / PanelsPerGroup;
            Chunks = RowBlocks * Groups * (SumsBatch ? 1 : call.Batch);
        }

        private readonly int rows;

        /// <summary>Tiles from the first row of C to the last.</summary>
        public int Tiles { get; }

        public int TilesPerBlock { get; }

        public int RowBlocks { get; }

        public int DepthBlocks { get; }

        public int KC { get; }

        public int Panels { get; }

        public int PanelsPerGroup { get; }

        public int Groups { get; }

        /// <summary>Whether B is packed before: or each block of rows would copy it from afar, from rows that push each other out.</summary>
        public bool PacksB { get; }

        /// <summary>Whether all products of the batch go to one C: then a chunk adds them up, in order.</summary>
        public bool SumsBatch { get; }

        public int Chunks { get; }

        /// <summary>The first row of a tile; of the tile after the last, the number of rows.</summary>
        public int FirstRow(int tile)
        {
            int shorter = Math.DivRem(rows, Tiles, out int longerTiles);
            return (tile * shorter) + Math.Min(tile, longerTiles);
        }
    }

    /// <summary>
    /// Packs A. Block by block over K, tile after tile, a step's numbers of a tile are next to each other: the tile from row r on, in the
    /// block from step k on of length kc, starts at element k M + r kc.
    /// </summary>
    private readonly struct PackJob(in GemmCall<T> call, Plan plan, T* packedA, int tilesPerChunk) : IChunkJob
    {
        private readonly GemmCall<T> call = call;

        public int ChunksPerMatrix => (plan.Tiles + tilesPerChunk - 1) / tilesPerChunk;

        public void Run(int chunk)
        {
            int matrix = Math.DivRem(chunk, ChunksPerMatrix, out int part);
            T* from = (T*)call.A.Address + ((nint)matrix * call.StrideA);
            T* to = packedA + ((nint)matrix * call.M * call.K);
            int end = Math.Min(plan.Tiles, (part + 1) * tilesPerChunk);
            for (int tile = part * tilesPerChunk; tile < end; tile++)
            {
                int row = plan.FirstRow(tile), rows = plan.FirstRow(tile + 1) - row;
                for (int k = 0; k < call.K; k += plan.KC)
                {
                    int depth = Math.Min(plan.KC, call.K - k);
                    T* panel = to + ((nint)k * call.M) + ((nint)row * depth);
                    if (call.TransposeA)
                    {
                        GemmPacking<T, V>.CopyRows(from + ((nint)k * call.M) + row, call.M, depth, rows, panel, rows);
                    }
                    else
                    {
                        GemmPacking<T, V>.Transpose(from + ((nint)row * call.K) + k, call.K, depth, rows, panel, rows);
                    }
                }
            }
        }
    }

    /// <summary>Computes a block of rows of a group of panels of C.</summary>
    private readonly struct MultiplyJob(in GemmCall<T> call, Plan plan, T* packedA) : IChunkJob
    {
        private readonly GemmCall<T> call = call;

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
            int firstTile = block * plan.TilesPerBlock, firstPanel = group * plan.PanelsPerGroup;
            T* room = GemmWorkspace.Own<T>(NR * (nint)(depth + MR));
            GemmBlock<T> of = new()
            {
                A = packedA + (call.StrideA == 0 ? 0 : (nint)product * call.M * call.K) + ((nint)k * call.M),
                B = (T*)call.B.Address + ((nint)product * call.StrideB),
                C = (T*)call.C.Address + ((nint)product * call.StrideC),
                Bias = isFirst ? (T*)call.Bias.Address : null,
                Add = call.Accumulate || !isFirst,
                Step = k,
                Depth = depth,
                FirstTile = firstTile,
                EndTile = Math.Min(plan.Tiles, firstTile + plan.TilesPerBlock),
                FirstPanel = firstPanel,
                EndPanel = Math.Min(plan.Panels, firstPanel + plan.PanelsPerGroup),
                Room = room,
                Spare = room + (NR * (nint)depth),
            };
            MultiplyBlock(of);
        }

        /// <summary>Panel by panel. The first tile brings a panel of B near, the others find it there and fetch what comes next.</summary>
        private void MultiplyBlock(in GemmBlock<T> block)
        {
            for (int panel = block.FirstPanel; panel < block.EndPanel; panel++)
            {
                Panel<T> b = FirstRead(block, panel, block.EndTile > block.FirstTile + 1);
                for (int tile = block.FirstTile; tile < block.EndTile; tile++)
                {
                    MultiplyTile(block, tile, panel, b);
                    if (tile == block.FirstTile && b.Copy != null)
                    {
                        b = new Panel<T>(block.Room, NR);
                    }
                    b = Fetch(block, panel, b, tile - block.FirstTile);
                }
            }
        }

        private void MultiplyTile(in GemmBlock<T> block, int tile, int panel, in Panel<T> b)
        {
            int row = plan.FirstRow(tile), rows = plan.FirstRow(tile + 1) - row, column = panel * NR;
            T* c = block.C + ((nint)row * call.N) + column, bias = block.Bias == null ? null : block.Bias + column;
            Tile<T> target = new(c, call.N, Math.Min(NR, call.N - column), bias, call.Alpha, block.Add, block.Spare);
            GemmMicroKernel<T, V>.Run(rows, block.Depth, block.A + ((nint)row * block.Depth), b, target);
        }

        /// <summary>How the first tile reads a panel: from where it is, if it can, with a copy for the others.</summary>
        private Panel<T> FirstRead(in GemmBlock<T> block, int panel, bool hasOthers)
        {
            int column = panel * NR, columns = Math.Min(NR, call.N - column), width = PackedB<T, V>.PanelWidth(columns);
            if (call.PackedB.Length > 0)
            {
                return new Panel<T>((T*)call.PackedB.Address + ((nint)column * call.K) + ((nint)block.Step * width), width);
            }
            if (columns == NR && !call.TransposeB)
            {
                return new Panel<T>(block.B + ((nint)block.Step * call.N) + column, call.N, hasOthers ? block.Room : null);
            }
            PackedB<T, V>.PackPanel(block.B, call.K, call.N, call.TransposeB, block.Step, block.Depth, column, columns, block.Room);
            return new Panel<T>(block.Room, width);
        }

        /// <summary>
        /// The panel <paramref name="b"/>, read while part <paramref name="part"/> of the panel that comes after it is fetched from far
        /// memory: the rows of a half of its steps, one cache line of each.
        /// </summary>
        private Panel<T> Fetch(in GemmBlock<T> block, int panel, in Panel<T> b, int part)
        {
            const int lineBytes = 64;
            int lines = NR * sizeof(T) / lineBytes, next = panel + 1, step = block.Step;
            bool isPacked = call.PackedB.Length > 0;
            // A transposed B is read along its rows, which the processor foresees.
            if (part >= 2 * lines || (call.TransposeB && !isPacked))
            {
                return new Panel<T>(b.B, b.Stride);
            }
            if (next == block.EndPanel)
            {
                bool isLast = step + block.Depth >= call.K;
                (next, step) = isLast ? (next, 0) : (block.FirstPanel, step + block.Depth);
            }
            nint stride = isPacked ? NR : call.N;
            T* from = isPacked ? (T*)call.PackedB.Address + ((nint)next * NR * call.K) : block.B + (next * NR);
            // The last number of a line: rows that start within one end a line later.
            from += ((step + (part / lines * (block.Depth / 2))) * stride) + ((part % lines + 1) * (lineBytes / sizeof(T))) - 1;
            return new Panel<T>(b.B, b.Stride, null, from, stride);
        }
    }
}
