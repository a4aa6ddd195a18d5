using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// Products with a C narrower than a vector and a transposed A, such as the gradient of the weights of a classifier's last layer: computed
/// on the side, C^T = op(B)^T A, where vectors lie along the rows of C and both operands are read as they are.
/// </summary>
internal static unsafe class GemmNarrow<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>Whether this way is the better one for <paramref name="call"/>; by its extents and flags alone.</summary>
    public static bool IsFaster(in GemmCall<T> call) =>
        call.TransposeA && call.N <= GemmDot<T, V>.FewColumns && call.M > GemmDot<T, V>.FewColumns && call.PackedB.Length == 0;

    /// <summary>Computes <paramref name="call"/>.</summary>
    public static void Multiply(WorkerPool workers, in GemmCall<T> call)
    {
        int length = call.M * call.N, matrices = call.StrideC == 0 ? 1 : call.Batch;
        T* aside = GemmWorkspace.Shared<T>((nint)length * (matrices + 1)), turned = aside + ((nint)length * matrices);
        GemmStream<T, V>.Multiply(workers, new GemmCall<T>(call.N, call.M, call.K)
        {
            A = call.B,
            B = call.A,
            C = new DeviceBuffer<T>((nint)aside, length * matrices),
            TransposeA = !call.TransposeB,
            Alpha = call.Alpha,
            Batch = call.Batch,
            StrideA = call.StrideB,
            StrideB = call.StrideA,
            StrideC = call.StrideC == 0 ? 0 : length,
        });
        bool isPlain = !call.Accumulate && call.Bias.Address == 0;
        for (int i = 0; i < matrices; i++, aside += length)
        {
            T* c = (T*)call.C.Address + ((nint)i * call.StrideC), bias = (T*)call.Bias.Address;
            GemmPacking<T, V>.Transpose(aside, call.M, call.M, call.N, isPlain ? c : turned, call.N);
            for (int j = 0; !isPlain && j < length; j++)
            {
                T start = call.Accumulate ? c[j] : T.Zero;
                c[j] = start + (bias == null ? T.Zero : bias[j % call.N]) + turned[j];
            }
        }
    }
}
