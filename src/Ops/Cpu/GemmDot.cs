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
        int matricesOfA = call.StrideA == 0 ? 1 : call.Batch, matricesOfB = call.StrideB == 0 ? 1 : call.Batch;
        nint sizeA = (nint)call.M * call.K, sizeB = (nint)call.N * call.K;
        nint room = (call.TransposeA ? matricesOfA * sizeA : 0) + (call.TransposeB ? 0 : matricesOfB * sizeB);
        T* transposed = room > 0 ? GemmWorkspace.Shared<T>(room) : null;
        T* a = (T*)call.A.Address, b = (T*)call.B.Address;
        nint strideA = call.StrideA, strideB = call.StrideB;
        if (call.TransposeA)
        {
            a = transposed;
            strideA = strideA == 0 ? 0 : sizeA;
            transposed = Transpose((T*)call.A.Address, call.StrideA, call.K, call.M, matricesOfA, transposed);
        }
        if (!call.TransposeB)
        {
            b = transposed;
            strideB = strideB == 0 ? 0 : sizeB;
            Transpose((T*)call.B.Address, call.StrideB, call.K, call.N, matricesOfB, transposed);
        }
        DotJob job = new(call, a, strideA, b, strideB);
        workers.Run(job, job.Chunks);
    }

    /// <summary>Transposes each matrix of <paramref name="rows"/> x <paramref name="columns"/>; returns the end of what it wrote.</summary>
    private static T* Transpose(T* from, nint stride, int rows, int columns, int matrices, T* to)
    {
        for (int i = 0; i < matrices; i++, from += stride, to += (nint)rows * columns)
        {
            GemmPacking<T, V>.Transpose(from, columns, columns, rows, to, rows);
        }
        return to;
    }

    /// <summary>Computes the tiles of a range of columns of C, or of rows if there are more of them.</summary>
    private readonly struct DotJob : IChunkJob
    {
        private readonly GemmCall<T> call;
        private readonly int tilesDown, tilesAcross, tilesPerChunk, chunksPerProduct;

        // The operands with K last, and the elements from one matrix of a batch to the next.
        private readonly T* a, b;
        private readonly nint strideA, strideB;

        public DotJob(in GemmCall<T> call, T* a, nint strideA, T* b, nint strideB)
        {
            this.call = call;
            this.a = a;
            this.b = b;
            this.strideA = strideA;
            this.strideB = strideB;
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
                // The operand that is read once goes in the outer loop, the small one stays in a near cache.
                for (int outer = goesAcross ? firstColumn : firstRow; outer < (goesAcross ? endColumn : endRow); outer++)
                {
                    for (int inner = goesAcross ? firstRow : firstColumn; inner < (goesAcross ? endRow : endColumn); inner++)
                    {
                        Multiply(p, goesAcross ? inner : outer, goesAcross ? outer : inner, p == product);
                    }
                }
            }
        }

        private void Multiply(int product, int tileRow, int tileColumn, bool isFirst)
        {
            int row = First(call.M, tileRow, tilesDown), rows = First(call.M, tileRow + 1, tilesDown) - row;
            int column = First(call.N, tileColumn, tilesAcross), columns = First(call.N, tileColumn + 1, tilesAcross) - column;
            T* left = a + (product * strideA) + ((nint)row * call.K), right = b + (product * strideB) + ((nint)column * call.K);
            T* bias = isFirst && call.Bias.Address != 0 ? (T*)call.Bias.Address + column : null;
            T* c = (T*)call.C.Address + ((nint)product * call.StrideC) + ((nint)row * call.N) + column;
            T* spare = GemmWorkspace.Own<T>(TileRows * TileColumns * V.Width);
            Tile<T> target = new(c, call.N, columns, bias, call.Alpha, call.Accumulate || !isFirst, spare);
            GemmDotKernel<T, V>.Run(rows, columns, call.K, left, right, target);
        }

        /// <summary>Where a tile starts, if <paramref name="extent"/> is spread evenly over <paramref name="tiles"/>.</summary>
        private static int First(int extent, int tile, int tiles) => (int)((long)extent * tile / tiles);
    }
}
