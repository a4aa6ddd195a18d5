// cuBLAS: column-major products by the definition. TF32 mode really rounds its inputs, so that a test sees it switched on.
#include "device.h"
#include <algorithm>
#include <cstring>

enum : Result { blas_not_initialized = 1, blas_invalid_value = 7, blas_execution_failed = 13 };
extern long long live_blas_handles;
struct Blas { void* stream = nullptr; int math = 0; void* workspace = nullptr; };

API const char* cublasGetStatusName(Result status)
{
    switch (status)
    {
        case blas_not_initialized: return "CUBLAS_STATUS_NOT_INITIALIZED";
        case 3: return "CUBLAS_STATUS_ALLOC_FAILED";
        case blas_invalid_value: return "CUBLAS_STATUS_INVALID_VALUE";
        case blas_execution_failed: return "CUBLAS_STATUS_EXECUTION_FAILED";
        default: return "CUBLAS_STATUS_UNKNOWN";
    }
}
API const char* cublasGetStatusString(Result status) { return cublasGetStatusName(status); }
API Result cublasCreate_v2(void** handle)
{
    ENTER;
    if (!current_context)
        return blas_not_initialized;
    *handle = new Blas;
    live_blas_handles++;
    return success;
}
API Result cublasDestroy_v2(void* handle)
{
    ENTER;
    delete (Blas*)handle;
    live_blas_handles--;
    return success;
}
API Result cublasSetStream_v2(void* handle, void* stream)
{
    ENTER;
    ((Blas*)handle)->stream = stream;
    ((Blas*)handle)->workspace = nullptr;
    return success;
}
API Result cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes)
{
    ENTER;
    if ((uintptr_t)workspace % 256 || !is_allocated((DevicePointer)workspace, bytes))
        return blas_invalid_value;
    ((Blas*)handle)->workspace = workspace;
    return success;
}
API Result cublasSetMathMode(void* handle, int mode)
{
    ENTER;
    ((Blas*)handle)->math = mode;
    return success;
}

static float to_tf32(float x)
{
    unsigned bits;
    memcpy(&bits, &x, 4);
    bits = (bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu;
    memcpy(&x, &bits, 4);
    return x;
}
static double to_tf32(double x) { return x; }

template <class T> struct Operand { const T* elements; int leading; long long stride; bool transposed; };
template <class T> static T at(const Operand<T>& x, int row, int column, bool tf32)
{
    const T value = x.transposed ? x.elements[(size_t)row * x.leading + column] : x.elements[(size_t)column * x.leading + row];
    return tf32 ? to_tf32(value) : value;
}
template <class T> static bool is_inside(const T* first, int rows, int columns, int leading, long long stride, int batch)
{
    return is_allocated((DevicePointer)(first + stride * (batch - 1)), ((size_t)leading * (columns - 1) + rows) * sizeof(T));
}
template <class T> static Result multiply(
    Blas* blas, int m, int n, int k, T alpha, Operand<T> a, Operand<T> b, T beta, T* c, int leading, long long stride, int batch)
{
    const int rows_a = a.transposed ? k : m, columns_a = a.transposed ? m : k, rows_b = b.transposed ? n : k, columns_b = b.transposed ? k : n;
    if (m < 1 || n < 1 || k < 1 || batch < 1 || a.leading < rows_a || b.leading < rows_b || leading < m)
        return blas_invalid_value;
    if (!is_inside(a.elements, rows_a, columns_a, a.leading, a.stride, batch) || !is_inside(b.elements, rows_b, columns_b, b.leading, b.stride, batch) ||
        !is_inside(c, m, n, leading, stride, batch))
        return state.message = "gemm: an operand reaches outside its allocation", blas_execution_failed;
    if (is_capturing() && !blas->workspace)
        return state.message = "gemm: captured without a workspace", blas_execution_failed;
    const bool tf32 = blas->math == 3;
    return submit(blas->stream, [=]() mutable
    {
        for (int i = 0; i < batch; i++, a.elements += a.stride, b.elements += b.stride, c += stride)
            for (int row = 0; row < m; row++)
                for (int column = 0; column < n; column++)
                {
                    T sum = 0;
                    for (int l = 0; l < k; l++)
                        sum += at(a, row, l, tf32) * at(b, l, column, tf32);
                    T& to = c[(size_t)column * leading + row];
                    to = alpha * sum + (beta != 0 ? beta * to : 0);
                }
    }) ? (Result)blas_execution_failed : (Result)success;
}

#define GEMM(name, T)                                                                                                                   \
    API Result name(void* h, int ta, int tb, int m, int n, int k, const T* alpha, const T* a, int lda, const T* b, int ldb,             \
                    const T* beta, T* c, int ldc)                                                                                       \
    {                                                                                                                                   \
        ENTER;                                                                                                                          \
        return multiply<T>((Blas*)h, m, n, k, *alpha, {a, lda, 0, ta != 0}, {b, ldb, 0, tb != 0}, *beta, c, ldc, 0, 1);                 \
    }
GEMM(cublasSgemm_v2, float)
GEMM(cublasDgemm_v2, double)
#define GEMM_BATCHED(name, T)                                                                                                           \
    API Result name(void* h, int ta, int tb, int m, int n, int k, const T* alpha, const T* a, int lda, long long sa, const T* b,        \
                    int ldb, long long sb, const T* beta, T* c, int ldc, long long sc, int batch)                                       \
    {                                                                                                                                   \
        ENTER;                                                                                                                          \
        return multiply<T>((Blas*)h, m, n, k, *alpha, {a, lda, sa, ta != 0}, {b, ldb, sb, tb != 0}, *beta, c, ldc, sc, batch);          \
    }
GEMM_BATCHED(cublasSgemmStridedBatched, float)
GEMM_BATCHED(cublasDgemmStridedBatched, double)
