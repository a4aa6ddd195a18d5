using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>How a product is cut for <see cref="Gemm{T, V}"/>. The threads decide on chunks alone, never on the order of a sum.</summary>
internal readonly unsafe struct GemmPlan<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    // A block of MC x KC stays in L2 (1 to 2 MiB) while it meets all panels of a group, whose numbers pass by once. The fewer its rows, the
    // more steps it may have: every block over K but the first reads C again, and far memory is slow.
    private const int BytesOfBlock = 512 << 10;
    private const int MC = 256;
    private const int MostSteps = 2048;

    // What a B may have to stay in L2 for all rows, and all three matrices together to be near.
    private const int BytesOfNear = 1 << 20;

    // Numbers that are multiples of this apart share a few sets of a cache, and push each other out; and each is on a page of its own.
    private const int BytesOfPage = 4096;
    private const int StepsInSets = 256;

    // Packing A pays if so many panels read what a thread packs at least.
    private const int PanelsToPackA = 4;

    // A chunk should take some microseconds, or handing it out costs more than it gains; many small ones keep all threads equally busy, but
    // few are better if A is packed anew in each. A block has some rows, lest B be read for too few.
    private const long FlopsPerChunk = 1 << 20;
    private const int ChunksPerThread = 16;
    private const int PackingChunksPerThread = 4;
    private const int TilesPerBlock = 8;
    private const int TilesPerPackedBlock = 4;

    // The rows of most tiles, and how many have one more.
    private readonly int shorter, longerTiles;

    public GemmPlan(in GemmCall<T> call, int threads)
    {
        int size = sizeof(T), mr = GemmMicroKernel<T, V>.MR, nr = GemmMicroKernel<T, V>.NR;
        Tiles = (call.M + mr - 1) / mr;
        shorter = Math.DivRem(call.M, Tiles, out longerTiles);
        Panels = (call.N + nr - 1) / nr;
        SumsBatch = call.StrideC == 0;

        bool clashesB = call.N * size % BytesOfPage == 0, clashesA = call.K * size % BytesOfPage == 0;
        int mostTiles = MC / mr, mostSteps = BytesOfBlock / (size * Math.Min(Tiles, mostTiles) * mr);
        mostSteps = Math.Min(mostSteps, clashesB && Tiles <= mostTiles ? StepsInSets : MostSteps);
        DepthBlocks = Math.Max(1, (call.K + mostSteps - 1) / mostSteps);
        KC = 2 * ((call.K + (2 * DepthBlocks) - 1) / (2 * DepthBlocks));

        long ofA = (long)call.M * call.K * size, ofB = (long)call.K * call.N * size, ofC = (long)call.M * call.N * size;
        bool isPacked = call.PackedB.Length > 0, isNearB = ofB <= BytesOfNear;
        IsFar = ofA + ofB + ofC > BytesOfNear;
        KeepsB = isNearB && !isPacked && !call.TransposeB && !(call.TransposeA && IsFar) && !clashesB && DepthBlocks == 1;

        long flops = 2L * call.M * call.N * call.K * (SumsBatch ? call.Batch : 1);
        // A thread keeps what it packed of A for its next chunk, unless another piece of A comes in between.
        bool repacksA = (call.TransposeA || clashesA) && (DepthBlocks > 1 || (SumsBatch && call.Batch > 1));
        int mostChunks = threads * (threads == 1 ? 1 : repacksA ? PackingChunksPerThread : ChunksPerThread);
        int chunks = (int)Math.Clamp(flops / FlopsPerChunk, 1, mostChunks);
        RowBlocks = (Tiles + mostTiles - 1) / mostTiles;
        PacksB = !isNearB && !isPacked && RowBlocks > 1 && (call.StrideB == 0 || call.Batch == 1);
        if (isNearB)
        {
            // Each block copies B, but where it stays as it is.
            RowBlocks = Math.Max(RowBlocks, Math.Min(KeepsB ? chunks : Math.Min(chunks, threads), Tiles / TilesPerBlock));
        }
        else if (isPacked)
        {
            // Nothing is copied: where panels are too few to keep all threads equally busy, blocks may be smaller.
            RowBlocks = Math.Max(RowBlocks, Math.Min(chunks / Panels, Tiles / TilesPerPackedBlock));
        }
        Groups = Math.Clamp(chunks / RowBlocks, 1, Panels);
        int packers = repacksA ? Groups : Math.Max(1, Math.Min(Groups, threads / RowBlocks));
        PacksA = !KeepsB && (call.TransposeA || clashesA) && Panels >= PanelsToPackA * packers;
    }

    /// <summary>Tiles from the first row of C to the last.</summary>
    public int Tiles { get; }

    /// <summary>Blocks of rows.</summary>
    public int RowBlocks { get; }

    /// <summary>Blocks over K.</summary>
    public int DepthBlocks { get; }

    /// <summary>
    /// Steps of a block over K, but perhaps the last; an even number, since two steps at once are faster. By the shape alone: a sum is one
    /// of each block's sum.
    /// </summary>
    public int KC { get; }

    /// <summary>Panels from the first column of C to the last.</summary>
    public int Panels { get; }

    /// <summary>Groups of panels.</summary>
    public int Groups { get; }

    /// <summary>
    /// Whether the first panel's tiles leave their rows of A packed for the other panels: a step's numbers are near each other in memory
    /// and the next step's far away, or its rows push each other out of the caches.
    /// </summary>
    public bool PacksA { get; }

    /// <summary>Whether B is packed before: or each block of rows would copy it from afar.</summary>
    public bool PacksB { get; }

    /// <summary>Whether B stays in L2 as it is while A's rows pass by.</summary>
    public bool KeepsB { get; }

    /// <summary>Whether the matrices do not fit into L2 together, so that C must be asked for in time.</summary>
    public bool IsFar { get; }

    /// <summary>Whether all products of the batch go to one C: then a chunk adds them up, in order.</summary>
    public bool SumsBatch { get; }

    /// <summary>The first tile of a block of rows, if tiles are spread evenly; of the block after the last, the number of tiles.</summary>
    public int FirstTile(int block) => (int)((long)Tiles * block / RowBlocks);

    /// <summary>The first panel of a group, if panels are spread evenly; of the group after the last, the number of panels.</summary>
    public int FirstPanel(int group) => (int)((long)Panels * group / Groups);

    /// <summary>The first row of a tile, if rows are spread evenly; of the tile after the last, the number of rows.</summary>
    public int FirstRow(int tile) => (tile * shorter) + Math.Min(tile, longerTiles);
}
