using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// Products with few rows or few columns, as dot products: vectors lie along K, so no lane is wasted on a C that is narrower than a
/// vector, and an operand whose rows lie along K already is read once, in place.
/// </summary>
/// <remarks>
/// C[i, j] is the product of row i of A and row j of B^T. An operand that is stored the other way round is transposed first; that is only
/// done to the small one. Up to 4 x 4 dot products run at once (2 x 4 with 16 registers): a tile loads 8 vectors for 16 multiply-adds.
/// </remarks>
internal static unsafe class GemmDot<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>The columns of C up to which dot products are faster, whatever the other extents are.</summary>
    public const int FewColumns = 12;

    private const int FewRows = 16;
    private const int TileColumns = 4;
    private const long FlopsPerChunk = 1 << 19;

    private static int TileRows => V.Width * sizeof(T) == 64 ? 4 : 2;

    /// <summary>Whether this way is the better one for <paramref name="call"/>; by its extents and flags alone.</summary>
    public static bool IsFaster(in GemmCall<T> call)
    {
        // Below, adding up the lanes at the end costs more than it saves.
        bool isDeep = call.K >= 4 * V.Width;
        bool leftFits = !call.TransposeA || call.M <= FewRows, rightFits = call.TransposeB || call.N <= FewColumns;
        return isDeep && call.PackedB.Length == 0 && leftFits && rightFits && (call.M <= FewRows || call.N <= FewColumns);
    }

    /// <summary>Computes <paramref name="call"/>.</summary>
    public static void Multiply(WorkerPool workers, in GemmCall<T> call)
    {
        DotJob job = new(call);
        workers.Run(job, job.Chunks);
    }

    /// <summary>Computes the tiles of a range of columns of C, or of rows if there are more of them.</summary>
    private readonly struct DotJob : IChunkJob
    {
        private readonly GemmCall<T> call;
        private readonly int tilesDown, tilesAcross, tilesPerChunk, chunksPerProduct;
        private readonly long job;

        public DotJob(in GemmCall<T> call)
        {
            this.call = call;
            job = GemmWorkspace.NextJob();
            tilesDown = (call.M + TileRows - 1) / TileRows;
            tilesAcross = (call.N + TileColumns - 1) / TileColumns;
            bool sumsBatch = call.StrideC == 0;
            int longer = Math.Max(tilesDown, tilesAcross);
            long flopsPerTile = 2L * call.M * call.N * call.K * (sumsBatch ? call.Batch : 1) / longer;
            bool isShared = (long)Math.Max(call.M, call.N) * call.K >= WorkerPool.ElementsToShare;
            tilesPerChunk = isShared ? (int)Math.Clamp(FlopsPerChunk / Math.Max(1, flopsPerTile), 1, longer) : longer;
            chunksPerProduct = (longer + tilesPerChunk - 1) / tilesPerChunk;
            Chunks = chunksPerProduct * (sumsBatch ? 1 : call.Batch);
        }

        public int Chunks { get; }

        private bool TurnsA => call.TransposeA;

        private bool TurnsB => !call.TransposeB;

        private static nint LengthOfSpare => TileRows * TileColumns * V.Width;

        private nint LengthOfA => TurnsA ? (nint)call.M * call.K : 0;

        private nint LengthOfB => TurnsB ? (nint)call.N * call.K : 0;

        public void Run(int chunk)
        {
            int product = Math.DivRem(chunk, chunksPerProduct, out int part);
            int first = part * tilesPerChunk, end = first + tilesPerChunk;
            bool goesAcross = tilesAcross >= tilesDown;
            (int firstColumn, int endColumn) = goesAcross ? (first, Math.Min(end, tilesAcross)) : (0, tilesAcross);
            (int firstRow, int endRow) = goesAcross ? (0, tilesDown) : (first, Math.Min(end, tilesDown));
            int endProduct = call.StrideC == 0 ? call.Batch : product + 1;
            for (int p = product; p < endProduct; p++)
            {
                T* spare = GemmWorkspace.Own<T>(LengthOfSpare + LengthOfA + LengthOfB);
                (nint a, nint b) = Operands(p, spare + LengthOfSpare);
                // The operand that is read once goes in the outer loop, the small one stays in a near cache.
                for (int outer = goesAcross ? firstColumn : firstRow; outer < (goesAcross ? endColumn : endRow); outer++)
                {
                    for (int inner = goesAcross ? firstRow : firstColumn; inner < (goesAcross ? endRow : endColumn); inner++)
                    {
                        Multiply(p, (T*)a, (T*)b, goesAcross ? inner : outer, goesAcross ? outer : inner, p == product, spare);
                    }
                }
            }
        }

        /// <summary>
        /// The operands with K last. What is stored the other way is small, and each thread turns it for itself: one copy for all would
        /// have to go from core to core, which takes longer.
        /// </summary>
        private (nint A, nint B) Operands(int product, T* turnedA)
        {
            T* a = (T*)call.A.Address + ((nint)product * call.StrideA), b = (T*)call.B.Address + ((nint)product * call.StrideB);
            T* turnedB = turnedA + LengthOfA;
            bool isSame = (!TurnsA || call.StrideA == 0) && (!TurnsB || call.StrideB == 0);
            bool isTurned = GemmWorkspace.Keeps(job, isSame ? 0 : product);
            if (TurnsA && !isTurned)
            {
                GemmPacking<T, V>.Transpose(a, call.M, call.M, call.K, turnedA, call.K);
            }
            if (TurnsB && !isTurned)
            {
                GemmPacking<T, V>.Transpose(b, call.N, call.N, call.K, turnedB, call.K);
            }
            return ((nint)(TurnsA ? turnedA : a), (nint)(TurnsB ? turnedB : b));
        }

        private void Multiply(int product, T* a, T* b, int tileRow, int tileColumn, bool isFirst, T* spare)
        {
            int row = First(call.M, tileRow, tilesDown), rows = First(call.M, tileRow + 1, tilesDown) - row;
            int column = First(call.N, tileColumn, tilesAcross), columns = First(call.N, tileColumn + 1, tilesAcross) - column;
            T* left = a + ((nint)row * call.K), right = b + ((nint)column * call.K);
            T* bias = isFirst && call.Bias.Address != 0 ? (T*)call.Bias.Address + column : null;
            T* c = (T*)call.C.Address + ((nint)product * call.StrideC) + ((nint)row * call.N) + column;
            Tile<T> target = new(c, call.N, columns, bias, call.Alpha, call.Accumulate || !isFirst, spare);
            GemmDotKernel<T, V>.Run(rows, columns, call.K, left, right, target);
        }

        /// <summary>Where a tile starts, if <paramref name="extent"/> is spread evenly over <paramref name="tiles"/>.</summary>
        private static int First(int extent, int tile, int tiles) => (int)((long)extent * tile / tiles);
    }
}
