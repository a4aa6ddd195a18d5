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
        if (call.Batch == 1)
        {
            One(call, call.A.Address, call.B.Address, accumulate);
        }
        else if (call.StrideC != 0)
        {
            Batched(call, accumulate);
        }
        else
        {
            for (int i = 0; i < call.Batch; i++)
            {
                nint a = call.A.Address + ((nint)i * call.StrideA * sizeof(T)), b = call.B.Address + ((nint)i * call.StrideB * sizeof(T));
                One(call, a, b, accumulate || i > 0);
            }
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

    private void One(in GemmCall<T> call, nint a, nint b, bool accumulate)
    {
        (int opA, int opB, int rowA, int rowB) = Layout(call);
        T alpha = call.Alpha, beta = accumulate ? T.One : T.Zero;
        nint c = call.C.Address;
        if (typeof(T) == typeof(float))
        {
            CudaError.CheckBlas(
                CuBlas.cublasSgemm_v2(
                    handle.Raw, opB, opA, call.N, call.M, call.K, (float*)&alpha, (float*)b, rowB, (float*)a, rowA, (float*)&beta, (float*)c,
                    call.N),
                nameof(CuBlas.cublasSgemm_v2));
        }
        else
        {
            CudaError.CheckBlas(
                CuBlas.cublasDgemm_v2(
                    handle.Raw, opB, opA, call.N, call.M, call.K, (double*)&alpha, (double*)b, rowB, (double*)a, rowA, (double*)&beta,
                    (double*)c, call.N),
                nameof(CuBlas.cublasDgemm_v2));
        }
    }

    private void Batched(in GemmCall<T> call, bool accumulate)
    {
        (int opA, int opB, int rowA, int rowB) = Layout(call);
        T alpha = call.Alpha, beta = accumulate ? T.One : T.Zero;
        nint a = call.A.Address, b = call.B.Address, c = call.C.Address;
        if (typeof(T) == typeof(float))
        {
            CudaError.CheckBlas(
                CuBlas.cublasSgemmStridedBatched(
                    handle.Raw, opB, opA, call.N, call.M, call.K, (float*)&alpha, (float*)b, rowB, call.StrideB, (float*)a, rowA,
                    call.StrideA, (float*)&beta, (float*)c, call.N, call.StrideC, call.Batch),
                nameof(CuBlas.cublasSgemmStridedBatched));
        }
        else
        {
            CudaError.CheckBlas(
                CuBlas.cublasDgemmStridedBatched(
                    handle.Raw, opB, opA, call.N, call.M, call.K, (double*)&alpha, (double*)b, rowB, call.StrideB, (double*)a, rowA,
                    call.StrideA, (double*)&beta, (double*)c, call.N, call.StrideC, call.Batch),
                nameof(CuBlas.cublasDgemmStridedBatched));
        }
    }

    /// <summary>The flags, and the length of a stored row of each operand.</summary>
    private static (int OpA, int OpB, int RowA, int RowB) Layout(in GemmCall<T> call) => (
        call.TransposeA ? CuBlas.Transpose : CuBlas.NoTranspose, call.TransposeB ? CuBlas.Transpose : CuBlas.NoTranspose,
        call.TransposeA ? call.M : call.K, call.TransposeB ? call.K : call.N);
}
