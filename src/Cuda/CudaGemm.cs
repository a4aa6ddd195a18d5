using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>Matrix products by cuBLAS.</summary>
/// <remarks>
/// cuBLAS is column-major, and a row-major matrix read as column-major is its transpose. So C' = op(B)' op(A)' is asked for: the operands
/// change places, M with N, and the flags stay.
/// </remarks>
internal sealed unsafe class CudaGemm<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly CudaDevice device;
    private readonly CuBlasHandle handle;
    private readonly ulong workspace;

    /// <exception cref="CudaUnavailableException">cuBLAS was not found.</exception>
    public CudaGemm(CudaDevice device, bool allowTf32)
    {
        NativeLibraries.Load(CuBlas.Library);
        this.device = device;
        handle = new CuBlasHandle(device.Context, device.Stream);
        try
        {
            CudaError.CheckBlas(
                CuBlas.cublasSetMathMode(handle.Raw, allowTf32 ? CuBlas.MathTf32 : CuBlas.MathDefault), nameof(CuBlas.cublasSetMathMode));
            // With a workspace of ours cuBLAS allocates nothing, also while a stream is captured. The sizes are NVIDIA's advice.
            nuint bytes = (nuint)(device.Major >= 9 ? 32 : 4) << 20;
            ulong pointer;
            CudaError.Check(Driver.cuMemAlloc_v2(&pointer, bytes), nameof(Driver.cuMemAlloc_v2));
            workspace = pointer;
            CudaError.CheckBlas(
                CuBlas.cublasSetWorkspace_v2(handle.Raw, (void*)workspace, bytes), nameof(CuBlas.cublasSetWorkspace_v2));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>C = alpha op(A) op(B) (+ C), without the bias.</summary>
    public void Multiply(in GemmCall<T> call, bool accumulate)
    {
        bool isSum = call.Batch > 1 && call.StrideC == 0;
        for (int i = 0; i < (isSum ? call.Batch : 1); i++)
        {
            Product<T> product = new(
                call.A.Address + ((nint)i * call.StrideA * sizeof(T)),
                call.B.Address + ((nint)i * call.StrideB * sizeof(T)),
                call.C.Address,
                call.TransposeA ? CuBlas.Transpose : CuBlas.NoTranspose, call.TransposeB ? CuBlas.Transpose : CuBlas.NoTranspose,
                call.M, call.N, call.K, call.TransposeA ? call.M : call.K, call.TransposeB ? call.K : call.N,
                isSum ? 1 : call.Batch, call.StrideA, call.StrideB, call.StrideC, call.Alpha, accumulate || i > 0 ? T.One : T.Zero);
            if (device.Steps is { IsActive: true } steps)
            {
                steps.Segment.Multiply(this, product);
            }
            else
            {
                Issue(product);
            }
        }
    }

    /// <summary>Queues the product.</summary>
    public void Issue(in Product<T> p)
    {
        T alpha = p.Alpha, beta = p.Beta;
        if (p.Batch > 1)
        {
            Batched(p, &alpha, &beta);
        }
        else if (typeof(T) == typeof(float))
        {
            CudaError.CheckBlas(
                CuBlas.cublasSgemm_v2(
                    handle.Raw, p.OpB, p.OpA, p.N, p.M, p.K, (float*)&alpha, (float*)p.B, p.RowB, (float*)p.A, p.RowA, (float*)&beta,
                    (float*)p.C, p.N),
                nameof(CuBlas.cublasSgemm_v2));
        }
        else
        {
            CudaError.CheckBlas(
                CuBlas.cublasDgemm_v2(
                    handle.Raw, p.OpB, p.OpA, p.N, p.M, p.K, (double*)&alpha, (double*)p.B, p.RowB, (double*)p.A, p.RowA, (double*)&beta,
                    (double*)p.C, p.N),
                nameof(CuBlas.cublasDgemm_v2));
        }
    }

    public void Dispose()
    {
        if (workspace != 0)
        {
            _ = Driver.cuMemFree_v2(workspace);
        }
        handle.Dispose();
    }

    private void Batched(in Product<T> p, T* alpha, T* beta)
    {
        if (typeof(T) == typeof(float))
        {
            CudaError.CheckBlas(
                CuBlas.cublasSgemmStridedBatched(
                    handle.Raw, p.OpB, p.OpA, p.N, p.M, p.K, (float*)alpha, (float*)p.B, p.RowB, p.StrideB,
                    (float*)p.A, p.RowA, p.StrideA, (float*)beta, (float*)p.C, p.N, p.StrideC, p.Batch),
                nameof(CuBlas.cublasSgemmStridedBatched));
        }
        else
        {
            CudaError.CheckBlas(
                CuBlas.cublasDgemmStridedBatched(
                    handle.Raw, p.OpB, p.OpA, p.N, p.M, p.K, (double*)alpha, (double*)p.B, p.RowB, p.StrideB,
                    (double*)p.A, p.RowA, p.StrideA, (double*)beta, (double*)p.C, p.N, p.StrideC, p.Batch),
                nameof(CuBlas.cublasDgemmStridedBatched));
        }
    }
}

/// <summary>
/// A product as cuBLAS is asked for it, but for the exchange of the operands: addresses, flags, extents, the lengths of stored rows, and
/// the steps of a batch.
/// </summary>
internal readonly record struct Product<T>(
    nint A, nint B, nint C, int OpA, int OpB, int M, int N, int K, int RowA, int RowB, int Batch, long StrideA, long StrideB, long StrideC,
    T Alpha, T Beta)
    where T : unmanaged, IFloatingPointIeee754<T>;
