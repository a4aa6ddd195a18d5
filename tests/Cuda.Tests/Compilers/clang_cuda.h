// What the kernels use of CUDA C++, for clang without a toolkit: to check them for syntax, types and address spaces. Never part of the product.
#pragma once
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
typedef decltype(sizeof(0)) size_t;

#define SPECIAL_REGISTERS(name, builtin)                                                                                                \
    struct name##_type                                                                                                                  \
    {                                                                                                                                   \
        __declspec(property(get = get_x)) unsigned x;                                                                                   \
        __device__ __forceinline__ unsigned get_x() const { return __nvvm_read_ptx_sreg_##builtin##_x(); }                              \
    };                                                                                                                                  \
    extern const __device__ __attribute__((weak)) name##_type name;
SPECIAL_REGISTERS(threadIdx, tid)
SPECIAL_REGISTERS(blockIdx, ctaid)
SPECIAL_REGISTERS(blockDim, ntid)
SPECIAL_REGISTERS(gridDim, nctaid)

__device__ void __syncthreads();   // A builtin of clang: declared, never defined.
static __device__ __forceinline__ float __int_as_float(int bits) { return __builtin_bit_cast(float, bits); }
static __device__ __forceinline__ float __shfl_xor_sync(unsigned mask, float value, int flip)
{
    return __nvvm_shfl_sync_bfly_f32(mask, value, flip, 31);
}
static __device__ __forceinline__ double __shfl_xor_sync(unsigned mask, double value, int flip)
{
    struct Halves { int low, high; };
    const Halves halves = __builtin_bit_cast(Halves, value);
    const Halves other = {__nvvm_shfl_sync_bfly_i32(mask, halves.low, flip, 31), __nvvm_shfl_sync_bfly_i32(mask, halves.high, flip, 31)};
    return __builtin_bit_cast(double, other);
}

// Declared only: they end up as external calls in the PTX, since libdevice belongs to the toolkit.
extern "C" {
#define MATH_FUNCTION(name) __device__ float name##f(float); __device__ double name(double);
MATH_FUNCTION(exp) MATH_FUNCTION(expm1) MATH_FUNCTION(log) MATH_FUNCTION(log1p) MATH_FUNCTION(tanh) MATH_FUNCTION(erf)
MATH_FUNCTION(sqrt) MATH_FUNCTION(fabs)
__device__ float fmaf(float, float, float);
__device__ double fma(double, double, double);
}
