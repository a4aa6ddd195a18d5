using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Matrix products.</summary>
internal static unsafe class Gemm<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    public static void Multiply(WorkerPool workers, in GemmCall<T> call)
    {
        T* a = (T*)call.A.Address, b = (T*)call.B.Address, c = (T*)call.C.Address, bias = (T*)call.Bias.Address;
        for (int p = 0; p < call.Batch; p++)
        {
            for (int i = 0; i < call.M; i++)
            {
                for (int j = 0; j < call.N; j++)
                {
                    T sum = T.Zero;
                    for (int k = 0; k < call.K; k++)
                    {
                        sum += (call.TransposeA ? a[(k * call.M) + i] : a[(i * call.K) + k]) * (call.TransposeB ? b[(j * call.K) + k] : b[(k * call.N) + j]);
                    }
                    sum *= call.Alpha;
                    T* to = c + (i * call.N) + j;
                    bool add = call.Accumulate || (call.StrideC == 0 && p > 0);
                    *to = (add ? *to : T.Zero) + sum + (bias != null && (p == 0 || call.StrideC != 0) ? bias[j] : T.Zero);
                }
            }
            a += call.StrideA;
            b += call.StrideB;
            c += call.StrideC;
        }
    }
}
