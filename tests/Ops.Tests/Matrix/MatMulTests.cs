using CsCheck;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

public sealed class MatMulTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(2);
    private readonly Tape<double> tape;

    public MatMulTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    public static TheoryData<int[], int[]> BatchShapes => new()
    {
        { [], [] },
        { [3], [] },
        { [], [3] },
        { [3], [3] },
        { [3], [1] },
        { [2, 3], [] },
        { [], [2, 3] },
        { [2, 3], [2, 3] },
        { [2, 3], [3] },
        { [2, 1], [3] },
        { [1, 3], [2, 1] },
        { [2, 1], [2, 3] },
        { [2, 3], [2, 1] },
    };

    [Theory]
    [MemberData(nameof(BatchShapes))]
    public void Product_and_gradients_equal_plain_loops_for_all_flags(int[] batchA, int[] batchB)
    {
        const int M = 3, N = 4, K = 5;
        foreach ((bool transposeA, bool transposeB) in new[] { (false, false), (true, false), (false, true), (true, true) })
        {
            Shape shapeA = new([.. batchA, transposeA ? K : M, transposeA ? M : K]);
            Shape shapeB = new([.. batchB, transposeB ? N : K, transposeB ? K : N]);
            double[] a = TestArrays.Random(shapeA.ElementCount, 1), b = TestArrays.Random(shapeB.ElementCount, 2);
            Tensor<double> ta = tape.Variable(a, shapeA), tb = tape.Variable(b, shapeB);
            Tensor<double> c = ta.MatMul(tb, transposeA, transposeB);
            double[] dc = TestArrays.Random(c.Shape.ElementCount, 3);
            tape.Backward(c, dc);

            int[] batch = Shape.Broadcast(new Shape(batchA), new Shape(batchB), "test").ToArray();
            Assert.Equal([.. batch, M, N], c.Shape.ToArray());
            double[] expected = new double[dc.Length], da = new double[a.Length], db = new double[b.Length];
            for (int p = 0; p < batch.Aggregate(1, (x, y) => x * y); p++)
            {
                int atA = Position(p, batch, batchA) * M * K, atB = Position(p, batch, batchB) * K * N;
                for (int i = 0; i < M * N * K; i++)
                {
                    (int row, int column, int k) = (i / (N * K), i / K % N, i % K);
                    int ia = atA + (transposeA ? (k * M) + row : (row * K) + k);
                    int ib = atB + (transposeB ? (column * K) + k : (k * N) + column);
                    int ic = (((p * M) + row) * N) + column;
                    expected[ic] += a[ia] * b[ib];
                    da[ia] += dc[ic] * b[ib];
                    db[ib] += dc[ic] * a[ia];
                }
            }
            AssertClose(expected, c.ToArray());
            AssertClose(da, ta.GradientToArray());
            AssertClose(db, tb.GradientToArray());
        }
    }

    [Fact]
    public void A_matrix_times_itself_gets_both_gradients()
    {
        Tensor<double> a = tape.Variable([1, 2, 3, 4], new Shape(2, 2));
        tape.Backward(a.MatMul(a), [1, 0, 0, 0]); // c_00 = a_00 a_00 + a_01 a_10
        Assert.Equal([2, 3, 2, 0], a.GradientToArray());
    }

    [Fact]
    public void A_shared_factor_of_two_products_gets_the_sum()
    {
        Tensor<double> w = tape.Variable([1, 2, 3, 4], new Shape(2, 2));
        Tensor<double> x = tape.Constant([1, 1], new Shape(1, 2)), y = tape.Constant([2, 3], new Shape(1, 2));
        tape.Backward(x.MatMul(w) + y.MatMul(w), [1, 1]);
        Assert.Equal([3, 3, 4, 4], w.GradientToArray());
    }

    [Fact]
    public void Transposed_factors_equal_transposed_copies() =>
        Gen.Select(Gen.Int[1, 6], Gen.Int[1, 6], Gen.Int[1, 6], Gen.Int[1, 3]).Sample(
            (m, n, k, batch) =>
            {
                using Tape<double> local = new(backend);
                Tensor<double> a = local.Constant(TestArrays.Random(batch * k * m, 1), new Shape(batch, k, m));
                Tensor<double> b = local.Constant(TestArrays.Random(n * k, 2), new Shape(n, k));
                AssertClose(a.Transpose().MatMul(b.Transpose()).ToArray(), a.MatMul(b, true, true).ToArray());
            },
            iter: 50, threads: 1);

    [Theory]
    [InlineData(new[] { 2, 3 }, new[] { 4, 5 }, "(2, 3) and (4, 5) do not fit: the first has 3 columns and the second 4 rows")]
    [InlineData(new[] { 3 }, new[] { 3, 5 }, "(3,) and (3, 5) are not both matrices")]
    [InlineData(new[] { 2, 3, 4 }, new[] { 3, 4, 5 }, "(2,) and (3,) do not broadcast")]
    public void Shapes_that_do_not_fit_are_named(int[] a, int[] b, string message)
    {
        Tensor<double> ta = tape.Constant(TestArrays.Range(new Shape(a).ElementCount), new Shape(a));
        Tensor<double> tb = tape.Constant(TestArrays.Range(new Shape(b).ElementCount), new Shape(b));
        ArgumentException error = Assert.Throws<ArgumentException>(() => ta.MatMul(tb));
        Assert.Contains("MatMul", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Which matrix of an operand takes part in product number <paramref name="p"/> of the broadcast batch.</summary>
    private static int Position(int p, int[] batch, int[] operand)
    {
        int position = 0, step = 1;
        for (int axis = 1; axis <= batch.Length; axis++)
        {
            int index = p % batch[^axis];
            p /= batch[^axis];
            if (axis <= operand.Length)
            {
                position += operand[^axis] == 1 ? 0 : index * step;
                step *= operand[^axis];
            }
        }
        return position;
    }

    private static void AssertClose(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 1e-13);
        }
    }
}
