using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// Products that do so little with a number of B or of C that memory is the limit: few rows, where B is read once, and few steps over K,
/// where C is written once. Nothing but A is packed; a slab of at most <see cref="StepsOfSlab"/> rows of B and up to MR rows of C are
/// walked from left to right, all of them sequentially, so that the processor fetches what comes next by itself.
/// </summary>
/// <remarks>
/// <code>
/// for each tile of at most MR rows of C              \  one chunk of work is a range of tiles; if there is one tile, of columns,
///   for each slab of B                               /  or of slabs, each with sums of its own that are added up in order
///     for each two vectors of columns
///       C's numbers in registers += A's column times B's vectors, for each row of the slab
/// </code>
/// </remarks>
internal static unsafe class GemmStream<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    private const int StepsOfSlab = 16;

    // Up to so many steps over K, writing C is most of the work.
    private const int FewSteps = 16;

    // What a chunk has at least of B, which is cut into so many at most, if there is one tile; and about what of C, if there are several.
    private const int ElementsPerChunk = WorkerPool.ElementsToShare / 2;
    private const int MostChunks = 4;
    private const int ElementsOfC = 1 << 14;

    // What a part has at least, for each row of C, of the rows of B; and how many numbers of C a chunk adds its parts' sums to.
    private const int RowsPerSum = 16;
    private const int ElementsPerSum = 2048;

    private static int MR => GemmStreamKernel<T, V>.MR;

    private static int NR => GemmStreamKernel<T, V>.NR;

    /// <summary>Whether this way is the better one for <paramref name="call"/>; by its extents and flags alone.</summary>
    public static bool IsFaster(in GemmCall<T> call) =>
        call.PackedB.Length == 0 && (call.K <= FewSteps || (call.M <= MR && !call.TransposeB));

    /// <summary>Computes <paramref name="call"/>.</summary>
    public static void Multiply(WorkerPool workers, in GemmCall<T> call)
    {
        StreamJob job = new(call, workers.Threads);
        workers.Run(job, job.Chunks);
        if (job.Parts > 1)
        {
            int length = call.M * call.N;
            AddJob add = new((T*)call.C.Address, length, job.Sums, job.LengthOfSums, job.Parts - 1);
            workers.Run(add, add.Chunks);
            if (call.SquaresOfB.Length > 0)
            {
                AddJob addSquares = new((T*)call.SquaresOfB.Address, call.N, job.Sums + length, job.LengthOfSums, job.Parts - 1);
                workers.Run(addSquares, addSquares.Chunks);
            }
        }
    }

    private readonly struct StreamJob : IChunkJob
    {
        private readonly GemmCall<T> call;
        private readonly int tiles, tilesPerChunk, slabs, columnsPerChunk, groups, chunksPerProduct;
        private readonly long job;

        public StreamJob(in GemmCall<T> call, int threads)
        {
            this.call = call;
            job = call.TransposeB ? GemmWorkspace.NextJob() : 0;
            tiles = (call.M + MR - 1) / MR;
            bool isShared = (long)call.M * call.N >= WorkerPool.ElementsToShare;
            tilesPerChunk = isShared ? Math.Clamp(ElementsOfC / (MR * call.N), 1, tiles) : tiles;
            // Memory delivers whole rows of B faster than halves of them. So threads share the rows, if their sums are little beside them:
            // parts are cut by the shape, as the order of sums depends on them. Else threads share columns, which change no sum.
            int chunks = (int)Math.Clamp((long)call.N * call.K / ElementsPerChunk, 1, tiles > 1 ? 1 : MostChunks);
            slabs = (call.K + StepsOfSlab - 1) / StepsOfSlab;
            Parts = 1;
            while (call.Batch == 1 && 2 * Parts <= chunks && 2 * Parts * RowsPerSum * call.M <= call.K)
            {
                Parts *= 2;
            }
            LengthOfSums = (call.M + (call.SquaresOfB.Length > 0 ? 1 : 0)) * call.N;
            Sums = Parts > 1 ? GemmWorkspace.Sums<T>((nint)(Parts - 1) * LengthOfSums) : null;
            groups = Parts > 1 || threads == 1 ? 1 : chunks;
            int panels = (call.N + NR - 1) / NR;
            columnsPerChunk = (panels + groups - 1) / groups * NR;
            groups = (call.N + columnsPerChunk - 1) / columnsPerChunk;
            chunksPerProduct = (tiles + tilesPerChunk - 1) / tilesPerChunk * groups;
            Chunks = Parts * chunksPerProduct * (call.StrideC == 0 ? 1 : call.Batch);
        }

        /// <summary>Into how many parts the rows of B are cut; with more than one, there is one tile and one product.</summary>
        public int Parts { get; }

        /// <summary>The sums of each part but the first, whose go to C: those of products, then those of squares.</summary>
        public T* Sums { get; }

        public int LengthOfSums { get; }

        public int Chunks { get; }

        public void Run(int chunk)
        {
            if (Parts > 1)
            {
                T* further = Sums + ((nint)(chunk - 1) * LengthOfSums);
                T* sums = chunk == 0 ? (T*)call.C.Address : further;
                T* squares = chunk == 0 ? (T*)call.SquaresOfB.Address : further + ((nint)call.M * call.N);
                MultiplyTile(0, 0, 0, chunk, sums, squares, isFirst: chunk == 0);
                return;
            }
            int first = Math.DivRem(chunk, chunksPerProduct, out int part), end = call.StrideC == 0 ? call.Batch : first + 1;
            int firstTile = Math.DivRem(part, groups, out int group) * tilesPerChunk, endTile = Math.Min(tiles, firstTile + tilesPerChunk);
            for (int product = first; product < end; product++)
            {
                T* c = (T*)call.C.Address + ((nint)product * call.StrideC);
                for (int tile = firstTile; tile < endTile; tile++)
                {
                    MultiplyTile(product, tile, group * columnsPerChunk, 0, c, (T*)call.SquaresOfB.Address, product == first);
                }
            }
        }

        /// <summary>
        /// A tile of <paramref name="c"/>, from a column on, and a part's steps over K. What is first brings the bias. There is one tile if
        /// the call wants squares.
        /// </summary>
        private void MultiplyTile(int product, int tile, int column, int part, T* c, T* squares, bool isFirst)
        {
            int row = First(tile), rows = First(tile + 1) - row, step = FirstStep(part), end = FirstStep(part + 1);
            nint lengthOfB = call.TransposeB ? (nint)call.N * call.K : 0;
            T* room = GemmWorkspace.Own<T>(lengthOfB + ((nint)rows * (end - step)));
            T* a = PackA((T*)call.A.Address + ((nint)product * call.StrideA), row, rows, step, end - step, room + lengthOfB);
            T* b = RowsOfB(product, room) + column;
            T* bias = isFirst && call.Bias.Address != 0 ? (T*)call.Bias.Address + column : null;
            bool add = isFirst ? call.Accumulate : Parts == 1;
            c += ((nint)row * call.N) + column;
            squares = call.SquaresOfB.Length > 0 ? squares + column : null;
            int k = step;
            do
            {
                int steps = Math.Min(StepsOfSlab, end - k);
                GemmSlab<T> slab = new(b + ((nint)k * call.N), call.N, steps, c, bias, add) { Squares = squares, AddsSquares = k > step };
                GemmStreamKernel<T, V>.Sweep(rows, a + ((nint)(k - step) * rows), slab, Math.Min(columnsPerChunk, call.N - column));
                bias = null;
                add = true;
                k += StepsOfSlab;
            }
            while (k < end);
        }

        /// <summary>A's rows times alpha, some steps of them, with the numbers of a step next to each other.</summary>
        private T* PackA(T* a, int row, int rows, int step, int steps, T* packed)
        {
            if (call.TransposeA)
            {
                GemmPacking<T, V>.CopyRows(a + ((nint)step * call.M) + row, call.M, steps, rows, packed, rows);
            }
            else
            {
                GemmPacking<T, V>.Transpose(a + ((nint)row * call.K) + step, call.K, steps, rows, packed, rows);
            }
            for (int i = 0; call.Alpha != T.One && i < rows * steps; i++)
            {
                packed[i] *= call.Alpha;
            }
            return packed;
        }

        /// <summary>
        /// B with N last. One that is stored the other way has few columns there, hence is small, and each thread turns it for itself: one
        /// copy for all would have to go from core to core, which takes longer.
        /// </summary>
        private T* RowsOfB(int product, T* turned)
        {
            T* b = (T*)call.B.Address + ((nint)product * call.StrideB);
            if (!call.TransposeB)
            {
                return b;
            }
            if (!GemmWorkspace.Keeps(job, call.StrideB == 0 ? 0 : product))
            {
                GemmPacking<T, V>.Transpose(b, call.K, call.K, call.N, turned, call.N);
            }
            return turned;
        }

        /// <summary>The first row of a tile, if rows are spread evenly.</summary>
        private int First(int tile) => (int)((long)call.M * tile / tiles);

        /// <summary>The first step of a part, if slabs are spread evenly.</summary>
        private int FirstStep(int part) => (int)Math.Min(call.K, (long)slabs * part / Parts * StepsOfSlab);
    }

    /// <summary>C += the sums of each further part, a stride apart, in order.</summary>
    private readonly struct AddJob(T* c, int length, T* sums, int stride, int further) : IChunkJob
    {
        public int Chunks => (length + ElementsPerSum - 1) / ElementsPerSum;

        public void Run(int chunk)
        {
            int end = Math.Min(length, (chunk + 1) * ElementsPerSum);
            for (int i = chunk * ElementsPerSum; i < end; i += V.Width)
            {
                int count = end - i;
                V sum = GemmStreamKernel<T, V>.Load(c + i, count);
                for (int part = 0; part < further; part++)
                {
                    sum += GemmStreamKernel<T, V>.Load(sums + ((nint)part * stride) + i, count);
                }
                V.Store(sum, new DeviceBuffer<T>((nint)c, length), i, count);
            }
        }
    }
}
