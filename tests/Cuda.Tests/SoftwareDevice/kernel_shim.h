// Put in front of a kernel's source before g++ compiles it for the software device. No standard header is included on purpose: NVRTC gives
// kernels none either, so that std:: or INFINITY fails here as there.
#pragma once
#define __global__ __attribute__((used))
#define __device__
#define __shared__ static thread_local          // A block runs on one system thread, which its fibers share.
#define __forceinline__ inline
using size_t = decltype(sizeof 0);
typedef unsigned long long shim_bits;

struct uint3 { unsigned x, y, z; };
struct ShimThread { uint3 tid, bid, bdim, gdim; int lane; };
struct ShimHost                                 // device.h has the same struct.
{
    void (*block_barrier)(int line);
    shim_bits (*warp)(int operation, unsigned mask, shim_bits value, int source, int line);
    void (*trap)(const char* why, int line);
};
extern "C" {
thread_local ShimThread* softcuda_current;
ShimHost softcuda_host;
ShimThread** softcuda_current_slot() { return &softcuda_current; }
}
#define threadIdx (softcuda_current->tid)
#define blockIdx (softcuda_current->bid)
#define blockDim (softcuda_current->bdim)
#define gridDim (softcuda_current->gdim)

#define __syncthreads() softcuda_host.block_barrier(__LINE__)
#define __syncwarp() softcuda_host.warp(0, 0xffffffffu, 0, 0, __LINE__)
template <class T> static inline T shim_shuffle(unsigned mask, T value, int source, int line)
{
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 64 bits");
    shim_bits bits = 0;
    __builtin_memcpy(&bits, &value, sizeof value);
    bits = softcuda_host.warp(1, mask, bits, source, line);
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}
template <class T> static inline T __shfl_sync(unsigned mask, T value, int lane) { return shim_shuffle(mask, value, lane & 31, __builtin_LINE()); }
template <class T> static inline T __shfl_xor_sync(unsigned mask, T value, int flip)
{
    return shim_shuffle(mask, value, softcuda_current->lane ^ flip, __builtin_LINE());
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T value, unsigned by)
{
    const int lane = softcuda_current->lane;
    return shim_shuffle(mask, value, lane + (int)by > 31 ? lane : lane + (int)by, __builtin_LINE());
}

static inline float __int_as_float(int bits) { float f; __builtin_memcpy(&f, &bits, 4); return f; }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((shim_bits)a * b) >> 32); }

#define SHIM_FUNCTION(name)                                                                                                             \
    static inline float name##f(float x) { return __builtin_##name##f(x); }                                                            \
    static inline double name(double x) { return __builtin_##name(x); }
SHIM_FUNCTION(exp) SHIM_FUNCTION(expm1) SHIM_FUNCTION(log) SHIM_FUNCTION(log1p) SHIM_FUNCTION(tanh) SHIM_FUNCTION(erf)
SHIM_FUNCTION(sqrt) SHIM_FUNCTION(fabs)
static inline float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
#define assert(condition) ((condition) ? (void)0 : softcuda_host.trap("assertion failed: " #condition, __LINE__))

// A launch gets pointers to the arguments; their types are deduced from the kernel.
struct ShimKernel { const char* name; void (*run)(void**); int count; const int* sizes; };
template <int... I> struct ShimIndices {};
template <auto F> struct ShimThunk;
template <class... A, void (*F)(A...)> struct ShimThunk<F>
{
    static constexpr int count = sizeof...(A);
    static constexpr int sizes[count + 1] = {(int)sizeof(A)..., 0};
    template <int... I> static void call(void** p, ShimIndices<I...>) { F(*(A*)p[I]...); }
    static void run(void** p) { call(p, ShimIndices<__integer_pack(count)...>{}); }
};
