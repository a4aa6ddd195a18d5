using System.Runtime.InteropServices;

namespace MiniGrad.Cuda.Native;

/// <summary>Matrix products, as exported by libcublas. Matrices are column-major; scalars are read from the host at the call.</summary>
internal static unsafe partial class CuBlas
{
    public const string Library = "cublas";

    public const int NoTranspose = 0, Transpose = 1;
    public const int MathDefault = 0, MathTf32 = 3;

    [LibraryImport(Library)]
    public static partial int cublasCreate_v2(nint* handle);

    [LibraryImport(Library)]
    public static partial int cublasDestroy_v2(nint handle);

    [LibraryImport(Library)]
    public static partial int cublasSetStream_v2(nint handle, nint stream);

    [LibraryImport(Library)]
    public static partial int cublasSetWorkspace_v2(nint handle, void* workspace, nuint bytes);

    [LibraryImport(Library)]
    public static partial int cublasSetMathMode(nint handle, int mode);

    [LibraryImport(Library)]
    public static partial byte* cublasGetStatusName(int status);

    [LibraryImport(Library)]
    public static partial byte* cublasGetStatusString(int status);

    [LibraryImport(Library)]
    public static partial int cublasSgemm_v2(
        nint handle, int opA, int opB, int m, int n, int k, float* alpha, float* a, int strideA, float* b, int strideB,
        float* beta, float* c, int strideC);

    [LibraryImport(Library)]
    public static partial int cublasDgemm_v2(
        nint handle, int opA, int opB, int m, int n, int k, double* alpha, double* a, int strideA, double* b, int strideB,
        double* beta, double* c, int strideC);

    [LibraryImport(Library)]
    public static partial int cublasSgemmStridedBatched(
        nint handle, int opA, int opB, int m, int n, int k, float* alpha, float* a, int strideA, long toNextA,
        float* b, int strideB, long toNextB, float* beta, float* c, int strideC, long toNextC, int batch);

    [LibraryImport(Library)]
    public static partial int cublasDgemmStridedBatched(
        nint handle, int opA, int opB, int m, int n, int k, double* alpha, double* a, int strideA, long toNextA,
        double* b, int strideB, long toNextB, double* beta, double* c, int strideC, long toNextC, int batch);
}
