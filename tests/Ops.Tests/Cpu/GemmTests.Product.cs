using MiniGrad.Backends;

namespace MiniGrad.Ops.Tests.Cpu;

public abstract partial class GemmTests<T>
{
    /// <summary>A product of random matrices: what it is by the backend, and by three loops.</summary>
    private sealed record Product(int M, int N, int K)
    {
        public bool TransposeA { get; init; }

        public bool TransposeB { get; init; }

        public bool Bias { get; init; }

        public bool Accumulate { get; init; }

        public double Alpha { get; init; } = 1;

        public bool Packs { get; init; }

        public int Batch { get; init; } = 1;

        public bool SharesA { get; init; }

        public bool SharesB { get; init; }

        public bool SharesC { get; init; }

        public int LengthA => M * K * (SharesA ? 1 : Batch);

        public int LengthB => K * N * (SharesB ? 1 : Batch);

        public int LengthC => M * N * (SharesC ? 1 : Batch);

        private int StrideA => SharesA ? 0 : M * K;

        private int StrideB => SharesB ? 0 : K * N;

        private int StrideC => SharesC ? 0 : M * N;

        public static T[] Numbers(Random random, int length) =>
            [.. Enumerable.Range(0, length).Select(_ => T.CreateChecked((2 * random.NextDouble()) - 1))];

        /// <summary>What the backend makes of it; squares, if given, become the sums of squares of the columns of B.</summary>
        public T[] Run(IBackend<T> backend, T[] a, T[] b, T[] bias, T[] c, T[]? squares = null)
        {
            using Scratch<T> bufferA = Upload(backend, a), bufferB = Upload(backend, b);
            using Scratch<T> bufferBias = Upload(backend, bias), bufferC = Upload(backend, c);
            using Scratch<T> packed = Packs ? backend.PackB(bufferB.Buffer, K, N, TransposeB) : backend.Pool.RentScratch<T>(0);
            using Scratch<T> bufferSquares = Upload(backend, squares ?? []);
            // A B that is read all the same spoils the result.
            if (packed.Buffer.Length > 0)
            {
                backend.Fill(bufferB.Buffer, T.NaN);
            }
            GemmCall<T> call = new(M, N, K)
            {
                A = bufferA.Buffer,
                B = bufferB.Buffer,
                PackedB = packed.Buffer,
                C = bufferC.Buffer,
                Bias = Bias ? bufferBias.Buffer : default,
                SquaresOfB = bufferSquares.Buffer,
                TransposeA = TransposeA,
                TransposeB = TransposeB,
                Alpha = T.CreateChecked(Alpha),
                Accumulate = Accumulate,
                Batch = Batch,
                StrideA = StrideA,
                StrideB = StrideB,
                StrideC = StrideC,
            };
            Assert.True(squares is null || backend.SumsSquares(call));
            backend.Gemm(call);
            if (squares is not null)
            {
                backend.Download(bufferSquares.Buffer, squares);
            }
            T[] result = new T[c.Length];
            backend.Download(bufferC.Buffer, result);
            return result;
        }

        public double[] Reference(T[] a, T[] b, T[] bias, T[] c)
        {
            double[] result = [.. c.Select(value => Accumulate ? double.CreateChecked(value) : 0)];
            double[] rows = new double[(long)K * N], sums = new double[N];
            for (int p = 0; p < Batch; p++)
            {
                for (int k = 0; k < K; k++)
                {
                    for (int j = 0; j < N; j++)
                    {
                        rows[(k * N) + j] = double.CreateChecked(b[(p * StrideB) + (TransposeB ? (j * K) + k : (k * N) + j)]);
                    }
                }
                bool addsBias = Bias && (p == 0 || !SharesC);
                for (int i = 0; i < M; i++)
                {
                    Array.Clear(sums);
                    // The sums of a row of C side by side: one after the other, each addition would wait for the one before it.
                    for (int k = 0; k < K; k++)
                    {
                        AddTo(sums, double.CreateChecked(a[(p * StrideA) + (TransposeA ? (k * M) + i : (i * K) + k)]), rows.AsSpan(k * N, N));
                    }
                    for (int j = 0; j < N; j++)
                    {
                        result[(p * StrideC) + (i * N) + j] += (Alpha * sums[j]) + (addsBias ? double.CreateChecked(bias[j]) : 0);
                    }
                }
            }
            return result;
        }

        private static void AddTo(Span<double> sums, double factor, ReadOnlySpan<double> row)
        {
            for (int j = 0; j < row.Length && j < sums.Length; j++)
            {
                sums[j] += factor * row[j];
            }
        }

        private static Scratch<T> Upload(IBackend<T> backend, T[] host)
        {
            Scratch<T> scratch = backend.Pool.RentScratch<T>(host.Length);
            backend.Upload<T>(host, scratch.Buffer);
            return scratch;
        }
    }
}
