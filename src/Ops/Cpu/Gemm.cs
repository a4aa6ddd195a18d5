using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Matrix products: how the work is cut so that operands come from near caches.</summary>
/// <remarks>
/// The scheme is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the panel of B packed
/// just before use:
/// <code>
/// pack all of A                                     once, shared by all threads
/// for each block of at most MC rows of C            \  one chunk of work is one such block
/// for each group of column panels of C              /  and one such group
///   for each block of at most KC steps over K       A's MC x KC block stays in L2
///     for each panel of NR columns                  B's KC x NR panel is packed into L1
///       for each tile of MR rows                    MR x NR of C in registers: the micro-kernel
/// </code>
/// Rows are spread evenly over tiles (11 or 10 each for 64), so no arithmetic is spent on padding of A.
/// An element of C is computed by one chunk, in the order of K that the shape fixes: results do not depend on the number of threads.
/// </remarks>
internal static unsafe class Gemm<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    // A block of MC x KC fills half a MiB and a panel of KC x NR some 48 KiB at 512 bits: they leave room in an L2 of 1 MiB and share L1
    // with A's tile.
    private const int BytesOfKC = 1536;
    private const int MC = 240;

    // Packing B does not pay where a single tile has all rows, so that B is used once, nor where B is so shallow that it stays in L1 or L2
    // anyway.
    // The first case goes through B in slabs of so few rows that the processor can prefetch each as one sequential stream, with C in L1.
    private const int StepsOfSlab = 16;
    private const int ShallowSteps = 16;

    // A chunk should take some microseconds, or handing it out costs more than it gains; some 16 keep a few threads equally busy.
    private const long FlopsPerChunk = 1 << 20;
    // Where B streams through once, few: the longer the pieces of its rows, the better memory keeps up.
    private const int MaxGroups = 16;
    private const int MaxGroupsOfStream = 4;
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
        Plan plan = new(call);
        int matricesOfA = call.StrideA == 0 ? 1 : call.Batch;
        T* packedA = GemmWorkspace.Shared<T>((nint)matricesOfA * call.M * call.K);
        int tilesPerChunk = Math.Max(1, ElementsPerPackingChunk / (MR * Math.Max(1, call.K)));
        PackJob pack = new(call, plan, packedA, tilesPerChunk);
        workers.Run(pack, matricesOfA * pack.ChunksPerMatrix);
        MultiplyJob multiply = new(call, plan, packedA);
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

            bool isPacked = call.PackedB.Length > 0;
            Direct = !isPacked && !call.TransposeB && (Tiles == 1 || call.K <= ShallowSteps);
            GoesAcross = Direct && Tiles > 1;
            int mostSteps = Direct ? StepsOfSlab : BytesOfKC / sizeof(T);
            DepthBlocks = Math.Max(1, (call.K + mostSteps - 1) / mostSteps);
            KC = (call.K + DepthBlocks - 1) / DepthBlocks;

            Panels = (call.N + NR - 1) / NR;
            SumsBatch = call.StrideC == 0;
            long flops = 2L * call.M * call.N * call.K * (SumsBatch ? call.Batch : 1) / RowBlocks;
            int mostGroups = Direct && Tiles == 1 ? MaxGroupsOfStream : MaxGroups;
            int groups = (int)Math.Clamp(flops / FlopsPerChunk, 1, Math.Min(Panels, mostGroups));
            PanelsPerGroup = (Panels + groups - 1) / groups;
            Groups = (Panels + PanelsPerGroup - 1) / PanelsPerGroup;
            Chunks = RowBlocks * Groups * (SumsBatch ? 1 : call.Batch);
        }

        private readonly int rows;

        /// <summary>Tiles from the first row of C to the last.</summary>
        public int Tiles { get; }

        public int TilesPerBlock { get; }

        public int RowBlocks { get; }

        /// <summary>Whether the micro-kernel reads B where it is.</summary>
        public bool Direct { get; }

        /// <summary>
        /// Whether a block is computed row by row of tiles, so that C is written sequentially, instead of panel by panel.
        /// </summary>
        public bool GoesAcross { get; }

        public int DepthBlocks { get; }

        public int KC { get; }

        public int Panels { get; }

        public int PanelsPerGroup { get; }

        public int Groups { get; }

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
            T* a = packedA + (call.StrideA == 0 ? 0 : (nint)product * call.M * call.K) + ((nint)k * call.M);
            T* b = (T*)call.B.Address + ((nint)product * call.StrideB);
            T* c = (T*)call.C.Address + ((nint)product * call.StrideC);
            T* bias = isFirst ? (T*)call.Bias.Address : null;
            T* room = GemmWorkspace.Own<T>(NR * (nint)(depth + MR)), spare = room + (NR * (nint)depth);
            int firstPanel = group * plan.PanelsPerGroup, panels = Math.Min(plan.Panels - firstPanel, plan.PanelsPerGroup);
            int firstTile = block * plan.TilesPerBlock, tiles = Math.Min(plan.Tiles - firstTile, plan.TilesPerBlock);
            (int outer, int inner) = plan.GoesAcross ? (tiles, panels) : (panels, tiles);
            int packed = -1;
            T* panelB = null;
            nint strideB = call.N;
            for (int i = 0; i < outer; i++)
            {
                for (int j = 0; j < inner; j++)
                {
                    int panel = firstPanel + (plan.GoesAcross ? j : i), tile = firstTile + (plan.GoesAcross ? i : j);
                    int column = panel * NR, columns = Math.Min(NR, call.N - column);
                    if (panel != packed)
                    {
                        packed = panel;
                        bool isDirect = plan.Direct && columns == NR;
                        strideB = isDirect ? call.N : PackedB<T, V>.PanelWidth(columns);
                        panelB = isDirect ? b + ((nint)k * call.N) + column : Panel(b, room, k, depth, column, columns);
                    }
                    int row = plan.FirstRow(tile), rows = plan.FirstRow(tile + 1) - row;
                    T* to = c + ((nint)row * call.N) + column, tileBias = bias == null ? null : bias + column;
                    Tile<T> target = new(to, call.N, columns, tileBias, call.Alpha, call.Accumulate || !isFirst, spare);
                    GemmMicroKernel<T, V>.Run(rows, depth, a + ((nint)row * depth), panelB, strideB, target);
                }
            }
        }

        private T* Panel(T* b, T* room, int k, int depth, int column, int columns)
        {
            if (call.PackedB.Length > 0)
            {
                return (T*)call.PackedB.Address + ((nint)column * call.K) + ((nint)k * PackedB<T, V>.PanelWidth(columns));
            }
            PackedB<T, V>.PackPanel(b, call.K, call.N, call.TransposeB, k, depth, column, columns, room);
            return room;
        }
    }
}
