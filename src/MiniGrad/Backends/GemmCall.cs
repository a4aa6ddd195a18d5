using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>
/// The arguments of <see cref="IBackend{T}.Gemm"/>: C = alpha op(A) op(B) + beta C + bias, all row-major and contiguous, op(X) being X or
/// its transpose.
/// </summary>
/// <remarks>M, N and K have their BLAS meaning: op(A) is M x K, op(B) is K x N, C is M x N.</remarks>
public readonly record struct GemmCall<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>A product of M x K by K x N.</summary>
    public GemmCall(int m, int n, int k)
    {
        (M, N, K) = (m, n, k);
        Alpha = T.One;
        Batch = 1;
    }

    /// <summary>Rows of C.</summary>
    public int M { get; }

    /// <summary>Columns of C.</summary>
    public int N { get; }

    /// <summary>The extent summed over.</summary>
    public int K { get; }

    /// <summary>M x K, or K x M if transposed.</summary>
    public required DeviceBuffer<T> A { get; init; }

    /// <summary>K x N, or N x K if transposed.</summary>
    public required DeviceBuffer<T> B { get; init; }

    /// <summary>
    /// What <see cref="IBackend{T}.PackB"/> made of B, if the caller keeps it for several products; empty for none. A backend may read it
    /// in place of B, which must not have changed since. One B for the whole batch.
    /// </summary>
    public DeviceBuffer<T> PackedB { get; init; }

    /// <summary>M x N.</summary>
    public required DeviceBuffer<T> C { get; init; }

    /// <summary>N numbers added to every row of C; empty for none.</summary>
    public DeviceBuffer<T> Bias { get; init; }

    /// <summary>
    /// N numbers that become the sums of squares of B's columns, which takes no further pass over B; empty for none. Only where the backend
    /// says so: <see cref="IBackend{T}.SumsSquares"/>.
    /// </summary>
    public DeviceBuffer<T> SquaresOfB { get; init; }

    /// <summary>Whether A is stored K x M.</summary>
    public bool TransposeA { get; init; }

    /// <summary>Whether B is stored N x K.</summary>
    public bool TransposeB { get; init; }

    /// <summary>The factor of the product; 1 unless set.</summary>
    public T Alpha { get; init; }

    /// <summary>Whether the product is added to C (beta = 1) or assigned (beta = 0, C is not read).</summary>
    public bool Accumulate { get; init; }

    /// <summary>The number of products; 1 unless set.</summary>
    public int Batch { get; init; }

    /// <summary>Elements from one A to the next; 0 uses one A for all.</summary>
    public int StrideA { get; init; }

    /// <summary>Elements from one B to the next; 0 uses one B for all.</summary>
    public int StrideB { get; init; }

    /// <summary>Elements from one C to the next; 0 sums all products into one C, in order.</summary>
    public int StrideC { get; init; }
}
