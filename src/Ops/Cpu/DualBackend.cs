using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// The CPU backend on dual numbers: every kernel is the one that the plain backend runs, read with <see cref="Dual{V, T}"/>. Only the
/// matrix product, which is tuned for plain numbers, is taken apart by the product rule.
/// </summary>
internal sealed class DualBackend<T, V>(int threads)
    : CpuBackend<T, Dual<V, T>>(threads, new BufferPool(new NativeAllocator(), withTangents: true)), IDualBackend<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    public override string Name => $"dual numbers on {base.Name}";

    public override unsafe void Upload<TElement>(ReadOnlySpan<TElement> host, DeviceBuffer<TElement> buffer)
    {
        base.Upload(host, buffer);
        if (typeof(TElement) == typeof(T))
        {
            new Span<TElement>((TElement*)buffer.Address + buffer.TangentDistance, buffer.Length).Clear();
        }
    }

    public void UploadTangent(ReadOnlySpan<T> host, DeviceBuffer<T> buffer) => base.Upload(host, Dual<V, T>.Tangents(buffer));

    public void DownloadTangent(DeviceBuffer<T> buffer, Span<T> host) => Download(Dual<V, T>.Tangents(buffer), host);

    /// <summary>C' = alpha (A' B + A B') + beta C' + bias': two products more, the second added to the first.</summary>
    public override void Gemm(in GemmCall<T> call)
    {
        DeviceBuffer<T> tangentC = Dual<V, T>.Tangents(call.C);
        Cpu.Gemm<T, V>.Multiply(Workers, call);
        Cpu.Gemm<T, V>.Multiply(
            Workers, call with { A = Dual<V, T>.Tangents(call.A), C = tangentC, Bias = Dual<V, T>.Tangents(call.Bias) });
        Cpu.Gemm<T, V>.Multiply(Workers, call with { B = Dual<V, T>.Tangents(call.B), C = tangentC, Bias = default, Accumulate = true });
    }

    /// <summary>Never: a product of plain numbers knows no tangents of squares.</summary>
    public override bool SumsSquares(in GemmCall<T> call) => false;

    /// <summary>Nothing: the tangents, which need B as it is, would have to be packed as well.</summary>
    public override Scratch<T> PackB(DeviceBuffer<T> b, int k, int n, bool transposed) => Pool.RentScratch<T>(0);
}
