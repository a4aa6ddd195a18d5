using MiniGrad.Backends;
using TorchSharp;

namespace MiniGrad.PeerBenchmarks;

/// <summary>
/// Matrix products: square ones, and the forward product (fw: x W), the gradient of the input (dx: dy W^T) and that of the weights
/// (dw: x^T dy) of layers batch x inputs x outputs whose weights are stored inputs x outputs.
/// </summary>
/// <remarks>
/// All write into the same memory every time but libtorch, which makes a new tensor, as its users do. MiniGrad's dx of batch 64 is the one
/// of a recurrent layer, which packs its weights once for all steps of a sequence: packing is not in its time, as no peer can be asked to
/// do it apart.
/// </remarks>
internal static class GemmCases
{
    public static IEnumerable<PeerCase> All()
    {
        foreach (int n in new[] { 32, 64, 128, 256, 512, 1024, 2048 })
        {
            yield return new GemmCase($"gemm/square/{n}", n, n, n, false, false);
        }
        (int, int, int)[] layers =
        [
            (128, 784, 1000), (128, 1000, 1000), (128, 1000, 10), (4, 784, 1000), (4, 1000, 1000), (64, 256, 1024), (64, 512, 2048),
            (8, 400, 1600), (1, 512, 2048),
        ];
        foreach ((int batch, int inputs, int outputs) in layers)
        {
            string size = $"{batch}x{inputs}x{outputs}";
            yield return new GemmCase($"gemm/fw/{size}", batch, outputs, inputs, false, false);
            yield return new GemmCase($"gemm/dx/{size}", batch, inputs, outputs, false, true) { IsPacked = batch == 64 };
            yield return new GemmCase($"gemm/dw/{size}", inputs, outputs, batch, true, false);
        }
    }
}

/// <summary>C = op(A) op(B), m x n and k summed over.</summary>
internal sealed class GemmCase(string name, int m, int n, int k, bool transposeA, bool transposeB) : PeerCase(name)
{
    private readonly Lazy<float[]> a = new(() => Inputs.Uniform(1, m * k)), b = new(() => Inputs.Uniform(2, k * n));

    /// <summary>Whether MiniGrad multiplies by a B that is packed before.</summary>
    public bool IsPacked { get; init; }

    public override Contestant MiniGrad(string name, IBackend<float> backend)
    {
        Memory memory = new(backend, this);
        GemmCall<float> call = new(m, n, k)
        {
            A = memory.A.Buffer,
            B = memory.B.Buffer,
            C = memory.C.Buffer,
            PackedB = memory.PackedB.Buffer,
            TransposeA = transposeA,
            TransposeB = transposeB,
        };
        return new LocalContestant(name, () => backend.Gemm(call)) { Check = () => Check(memory.Result()), Release = memory.Dispose };
    }

    public override Contestant Torch()
    {
        torch.Tensor storedA = torch.tensor(a.Value, transposeA ? [k, m] : [m, k]);
        torch.Tensor storedB = torch.tensor(b.Value, transposeB ? [n, k] : [k, n]);
        torch.Tensor opA = transposeA ? storedA.t() : storedA.alias(), opB = transposeB ? storedB.t() : storedB.alias();
        return new LocalContestant("torch", () => torch.mm(opA, opB).Dispose())
        {
            Check = () =>
            {
                using torch.Tensor c = torch.mm(opA, opB);
                Check(c.data<float>().ToArray());
            },
            Release = () => Array.ForEach([storedA, storedB, opA, opB], tensor => tensor.Dispose()),
        };
    }

    public override IEnumerable<Contestant> Others(IBackend<float> backend)
    {
        foreach ((string library, string package, BlasLibrary? blas) in BlasLibrary.All)
        {
            yield return blas is null ? new AbsentContestant(library, $"the package {package} is not installed") : Blas(blas, backend);
        }
    }

    public override Contestant Limit(IBackend<float> backend, int threads) => Limits.Peak(backend, 2.0 * m * n * k, threads);

    /// <summary>
    /// Freivalds' check: C x = op(A) (op(B) x) for a random vector x, in double. It takes all of C into account for the work of three
    /// products of a matrix and a vector.
    /// </summary>
    private void Check(float[] result)
    {
        Random random = new(3);
        double[] x = [.. Enumerable.Range(0, n).Select(_ => (0.5 + random.NextDouble()) * ((2 * random.Next(2)) - 1))];
        double[] want = Times(a.Value, m, k, transposeA, Times(b.Value, k, n, transposeB, x)), got = Times(result, m, n, false, x);
        // For numbers below 1 an element of C is off by some 1e-7 sqrt(k), and x adds n with random signs. A missing term is about 1.
        double tolerance = 5e-6 * Math.Sqrt((double)k * n), worst = want.Zip(got, (w, g) => Math.Abs(w - g)).Max();
        if (!(worst <= tolerance))
        {
            throw new WrongResultException($"wrong by {worst:G3}, more than {tolerance:G3}");
        }
    }

    private unsafe LocalContestant Blas(BlasLibrary blas, IBackend<float> backend)
    {
        Memory memory = new(backend, this);
        nint pa = memory.A.Buffer.Address, pb = memory.B.Buffer.Address, pc = memory.C.Buffer.Address;
        return new LocalContestant(blas.Name, () => blas.Sgemm(transposeA, transposeB, m, n, k, (float*)pa, (float*)pb, (float*)pc))
        {
            Check = () => Check(memory.Result()),
            Release = memory.Dispose,
        };
    }

    /// <summary>op(matrix) v, with op(matrix) of rows x columns.</summary>
    private static double[] Times(float[] matrix, int rows, int columns, bool transposed, double[] v)
    {
        double[] product = new double[rows];
        for (int stored = 0; stored < (transposed ? columns : rows); stored++)
        {
            ReadOnlySpan<float> line = matrix.AsSpan(stored * (transposed ? rows : columns), transposed ? rows : columns);
            double sum = 0;
            for (int i = 0; i < line.Length; i++)
            {
                if (transposed)
                {
                    product[i] += line[i] * v[stored];
                }
                else
                {
                    sum += line[i] * v[i];
                }
            }
            if (!transposed)
            {
                product[stored] = sum;
            }
        }
        return product;
    }

    /// <summary>The operands in a backend's memory, aligned to a cache line.</summary>
    private sealed class Memory : IDisposable
    {
        private readonly IBackend<float> backend;

        public Memory(IBackend<float> backend, GemmCase owner)
        {
            this.backend = backend;
            float[] a = owner.a.Value, b = owner.b.Value;
            A = backend.Pool.RentScratch<float>(a.Length);
            B = backend.Pool.RentScratch<float>(b.Length);
            C = backend.Pool.RentScratch<float>(owner.ResultLength);
            backend.Upload(a, A.Buffer);
            backend.Upload(b, B.Buffer);
            // Not what the memory held before, which may be another contestant's result.
            backend.Fill(C.Buffer, 7);
            PackedB = owner.IsPacked ? backend.PackB(B.Buffer, owner.K, owner.N, owner.TransposesB) : backend.Pool.RentScratch<float>(0);
        }

        public Scratch<float> A { get; }

        public Scratch<float> B { get; }

        public Scratch<float> C { get; }

        public Scratch<float> PackedB { get; }

        public float[] Result()
        {
            float[] result = new float[C.Buffer.Length];
            backend.Download(C.Buffer, result);
            return result;
        }

        public void Dispose()
        {
            A.Dispose();
            B.Dispose();
            C.Dispose();
            PackedB.Dispose();
        }
    }

    private int K => k;

    private int N => n;

    private bool TransposesB => transposeB;

    private int ResultLength => m * n;
}
