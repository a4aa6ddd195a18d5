using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// C = op(A) op(B), op(X) being X or its transpose, for one pair of matrices or a batch of pairs. From dC: dA = dC op(B)^T and
/// dB = op(A)^T dC, each one product again, with the flags turned so that nothing is transposed in memory. A matrix that several products
/// share gets the sum of their gradients. Nothing is saved but the operands.
/// </summary>
public static class MatMulExtensions
{
    extension<T>(Tensor<T> a)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The matrix product of [..., M, K] and [..., K, N].</summary>
        /// <param name="b">The second factor. Axes before the last two are batch axes; they broadcast.</param>
        /// <returns>[..., M, N], with the broadcast batch axes in front.</returns>
        /// <exception cref="ArgumentException">The shapes do not fit.</exception>
        [GradCheck("3x4", "4x5")]
        [GradCheck("2x3x4", "2x4x5")]
        [GradCheck("2x3x4", "4x5")]
        [GradCheck("3x4", "2x4x5")]
        [GradCheck("2x1x3x4", "1x3x4x2")]
        [GradCheck("2x1x3x4", "2x3x4x2")]
        public Tensor<T> MatMul(Tensor<T> b) => a.MatMul(b, false, false);

        /// <summary>The matrix product, with the last two axes of either operand transposed.</summary>
        /// <param name="b">The second factor.</param>
        /// <param name="transposeA">Whether A is stored [..., K, M].</param>
        /// <param name="transposeB">Whether B is stored [..., N, K].</param>
        /// <exception cref="ArgumentException">The shapes do not fit.</exception>
        public Tensor<T> MatMul(Tensor<T> b, bool transposeA, bool transposeB)
        {
            Tape<T> tape = Operands.TapeOf("MatMul", a, b);
            MatMulPlan plan = new(a.Shape, transposeA, b.Shape, transposeB);
            Tensor<T> c = tape.NewResult(plan.Result, a.NeedsGradient || b.NeedsGradient);
            GemmCall<T> product = new(plan.M, plan.N, plan.K)
            {
                A = a.Value,
                B = b.Value,
                C = c.Value,
                TransposeA = transposeA,
                TransposeB = transposeB,
            };
            plan.Run(tape.Backend, product, plan.A, plan.B, plan.C);
            if (c.NeedsGradient)
            {
                MatMulNode<T> node = tape.Record<MatMulNode<T>>(c, a, b);
                (node.Plan, node.TransposeA, node.TransposeB) = (plan, transposeA, transposeB);
            }
            return c;
        }
    }

    [GradCheck("4x3", "4x5")]
    [GradCheck("2x4x3", "4x5")]
    private static Tensor<T> MatMulTransposeA<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => a.MatMul(b, true, false);

    [GradCheck("3x4", "5x4")]
    [GradCheck("2x3x4", "5x4")]
    private static Tensor<T> MatMulTransposeB<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => a.MatMul(b, false, true);

    [GradCheck("4x3", "5x4")]
    [GradCheck("4x3", "2x5x4")]
    private static Tensor<T> MatMulTransposeBoth<T>(Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => a.MatMul(b, true, true);
}

internal sealed class MatMulNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public MatMulPlan Plan { get; set; }

    public bool TransposeA { get; set; }

    public bool TransposeB { get; set; }

    public override string Op => "MatMul";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> a = Inputs[0], b = Inputs[1];
        int m = Plan.M, n = Plan.N, k = Plan.K;
        DeviceBuffer<T> dc = Output.Gradient;
        GradientSink<T> da = a.GradientSink();
        if (da.IsWanted && TransposeA)
        {
            // Of a transposed A, the transpose of dC op(B)^T: op(B) dC^T.
            GemmCall<T> product = new(k, m, n)
            {
                A = b.Value,
                B = dc,
                C = da.Buffer,
                TransposeA = TransposeB,
                TransposeB = true,
                Accumulate = da.Accumulate,
            };
            Plan.Run(backend, product, Plan.B, Plan.C, Plan.A);
        }
        else if (da.IsWanted)
        {
            GemmCall<T> product = new(m, k, n) { A = dc, B = b.Value, C = da.Buffer, TransposeB = !TransposeB, Accumulate = da.Accumulate };
            Plan.Run(backend, product, Plan.C, Plan.B, Plan.A);
        }
        GradientSink<T> db = b.GradientSink();
        if (db.IsWanted && TransposeB)
        {
            // Of a transposed B, the transpose of op(A)^T dC: dC^T op(A).
            GemmCall<T> product = new(n, k, m)
            {
                A = dc,
                B = a.Value,
                C = db.Buffer,
                TransposeA = true,
                TransposeB = TransposeA,
                Accumulate = db.Accumulate,
            };
            Plan.Run(backend, product, Plan.C, Plan.A, Plan.B);
        }
        else if (db.IsWanted)
        {
            GemmCall<T> product = new(k, n, m) { A = a.Value, B = dc, C = db.Buffer, TransposeA = !TransposeA, Accumulate = db.Accumulate };
            Plan.Run(backend, product, Plan.A, Plan.C, Plan.B);
        }
    }
}
