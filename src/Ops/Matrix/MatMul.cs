using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// C = op(A) op(B), op(X) being X or its transpose. From dC: dA = dC op(B)^T and dB = op(A)^T dC, each one product again, with the flags
/// turned so that nothing is transposed in memory.
/// </summary>
public static class MatMulExtensions
{
    extension<T>(Tensor<T> a)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The matrix product of two matrices [M, K] and [K, N].</summary>
        /// <exception cref="ArgumentException">The shapes do not fit.</exception>
        [GradCheck("3x4", "4x5")]
        public Tensor<T> MatMul(Tensor<T> b) => a.MatMul(b, false, false);

        /// <summary>The matrix product, with either matrix transposed.</summary>
        /// <exception cref="ArgumentException">The shapes do not fit.</exception>
        public Tensor<T> MatMul(Tensor<T> b, bool transposeA, bool transposeB)
        {
            Tape<T> tape = Operands.TapeOf("MatMul", a, b);
            if (a.Shape.Rank != 2 || b.Shape.Rank != 2)
            {
                throw new ArgumentException($"MatMul: shapes {a.Shape} and {b.Shape} are not two matrices.");
            }
            int m = a.Shape[transposeA ? 1 : 0], k = a.Shape[transposeA ? 0 : 1], n = b.Shape[transposeB ? 0 : 1];
            if (b.Shape[transposeB ? 1 : 0] != k)
            {
                throw new ArgumentException(
                    $"MatMul: shapes {a.Shape}{(transposeA ? " transposed" : "")} and {b.Shape}{(transposeB ? " transposed" : "")} do not fit: " +
                    $"the first has {k} columns and the second {b.Shape[transposeB ? 1 : 0]} rows.");
            }
            Tensor<T> c = tape.NewResult(new Shape(m, n), a.NeedsGradient || b.NeedsGradient);
            tape.Backend.Gemm(new GemmCall<T>(m, n, k) { A = a.Value, B = b.Value, C = c.Value, TransposeA = transposeA, TransposeB = transposeB });
            if (c.NeedsGradient)
            {
                MatMulNode<T> node = tape.Record<MatMulNode<T>>(c, a, b);
                (node.TransposeA, node.TransposeB, node.K) = (transposeA, transposeB, k);
            }
            return c;
        }
    }

    [GradCheck("4x3", "4x5")]
    private static Tensor<T> MatMulTransposeA<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => a.MatMul(b, true, false);

    [GradCheck("3x4", "5x4")]
    private static Tensor<T> MatMulTransposeB<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => a.MatMul(b, false, true);

    [GradCheck("4x3", "5x4")]
    private static Tensor<T> MatMulTransposeBoth<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => a.MatMul(b, true, true);
}

internal sealed class MatMulNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public bool TransposeA { get; set; }

    public bool TransposeB { get; set; }

    public int K { get; set; }

    public override string Op => "MatMul";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> a = Inputs[0], b = Inputs[1];
        int m = Output.Shape[0], n = Output.Shape[1];
        DeviceBuffer<T> dc = Output.Gradient;
        GradientSink<T> da = a.GradientSink(), db = b.GradientSink();
        if (da.IsWanted)
        {
            // dA = dC op(B)^T; of a transposed A, the transpose: op(B) dC^T.
            backend.Gemm(TransposeA
                ? new GemmCall<T>(K, m, n) { A = b.Value, B = dc, C = da.Buffer, TransposeA = TransposeB, TransposeB = true, Accumulate = da.Accumulate }
                : new GemmCall<T>(m, K, n) { A = dc, B = b.Value, C = da.Buffer, TransposeB = !TransposeB, Accumulate = da.Accumulate });
        }
        if (db.IsWanted)
        {
            // dB = op(A)^T dC; of a transposed B, the transpose: dC^T op(A).
            backend.Gemm(TransposeB
                ? new GemmCall<T>(n, K, m) { A = dc, B = a.Value, C = db.Buffer, TransposeA = true, TransposeB = TransposeA, Accumulate = db.Accumulate }
                : new GemmCall<T>(K, n, m) { A = a.Value, B = dc, C = db.Buffer, TransposeA = !TransposeA, Accumulate = db.Accumulate });
        }
    }
}
