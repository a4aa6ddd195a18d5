using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>Elements from one matrix of an operand to the next, along the two batch axes; 0 uses one matrix for all.</summary>
internal readonly record struct BatchSteps(int Outer, int Inner);

/// <summary>The extents of a batched product, and how its three matrices step through the batch; both gradients step likewise.</summary>
internal readonly struct MatMulPlan
{
    private readonly int outer, inner;

    public MatMulPlan(Shape a, bool transposeA, Shape b, bool transposeB)
    {
        if (a.Rank < 2 || b.Rank < 2)
        {
            throw new ArgumentException(
                $"MatMul: shapes {a} and {b} are not both matrices: each needs at least two axes (Reshape adds them).");
        }
        (M, K, N) = (a[transposeA ? -1 : -2], a[transposeA ? -2 : -1], b[transposeB ? -2 : -1]);
        int rowsB = b[transposeB ? -1 : -2];
        if (rowsB != K)
        {
            throw new ArgumentException(
                $"MatMul: shapes {a}{(transposeA ? " transposed" : "")} and {b}{(transposeB ? " transposed" : "")} do not fit: " +
                $"the first has {K} columns and the second {rowsB} rows.");
        }
        Shape batch = Shape.Broadcast(BatchOf(a), BatchOf(b), "MatMul");
        Result = WithMatrix(batch, M, N);
        if (!transposeA && b.ElementCount == K * N)
        {
            // One B for all, and the rows of all A's stand one after the other: a single product with more rows.
            M *= batch.ElementCount;
            batch = Shape.Scalar;
        }
        (outer, inner) = (batch.Aligned[2], batch.Aligned[3]);
        (A, B, C) = (StepsOf(a, batch), StepsOf(b, batch), StepsOf(Result, batch));
        if (Merges(A) && Merges(B) && Merges(C))
        {
            (outer, inner) = (1, outer * inner);
        }
    }

    /// <summary>Rows of op(A), those of all the batch where the plan makes one product of it.</summary>
    public int M { get; }

    /// <summary>Columns of op(B).</summary>
    public int N { get; }

    /// <summary>Columns of op(A), rows of op(B).</summary>
    public int K { get; }

    /// <summary>The shape of C.</summary>
    public Shape Result { get; }

    public BatchSteps A { get; }

    public BatchSteps B { get; }

    public BatchSteps C { get; }

    /// <summary>Runs a product over the batch, its A, B and C each by their steps. A C with step 0 gets the sum of its products.</summary>
    public void Run<T>(IBackend<T> backend, GemmCall<T> product, BatchSteps a, BatchSteps b, BatchSteps c)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < outer; i++)
        {
            backend.Gemm(product with
            {
                A = From(product.A, i * a.Outer),
                B = From(product.B, i * b.Outer),
                C = From(product.C, i * c.Outer),
                Batch = inner,
                StrideA = a.Inner,
                StrideB = b.Inner,
                StrideC = c.Inner,
                Accumulate = product.Accumulate || (i > 0 && c.Outer == 0),
            });
        }
    }

    private static DeviceBuffer<T> From<T>(DeviceBuffer<T> buffer, int start)
        where T : unmanaged => buffer.Slice(start, buffer.Length - start);

    private static Shape BatchOf(Shape shape) => new(shape.Aligned[(Shape.MaxRank - shape.Rank)..^2]);

    private static Shape WithMatrix(Shape batch, int rows, int columns)
    {
        Span<int> extents = stackalloc int[batch.Rank + 2];
        batch.Aligned[(Shape.MaxRank - batch.Rank)..].CopyTo(extents);
        (extents[^2], extents[^1]) = (rows, columns);
        return new Shape(extents);
    }

    private static BatchSteps StepsOf(Shape operand, Shape batch)
    {
        ReadOnlySpan<int> extents = operand.Aligned;
        int matrix = extents[2] * extents[3];
        return new(
            batch.Aligned[2] == 1 || extents[0] == 1 ? 0 : matrix * extents[1],
            batch.Aligned[3] == 1 || extents[1] == 1 ? 0 : matrix);
    }

    /// <summary>Whether the outer axis goes on where the inner one ends, so that both are one axis to this operand.</summary>
    private bool Merges(BatchSteps steps) => outer == 1 || steps.Outer == steps.Inner * inner;
}
