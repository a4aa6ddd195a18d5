using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>
/// The product's own <c>Gemm</c>: larger tiles (8 x 48 in 24 of the 32 registers), A read where it is, B packed by the first tile that
/// reads it, what comes next fetched meanwhile, any extents; then the tiles of C shared among threads.
/// </summary>
internal sealed unsafe class Step7Product(int threads) : LadderStep, IDisposable
{
    private readonly IBackend<float> backend = CpuBackend.Create<float>(threads);

    public override string Name => threads == 1 ? "7 MiniGrad's Gemm" : $"8 {threads} threads";

    public override double Intensity => 2.0 * 8 * 48 / (4 * (8 + 48));

    public override void Multiply(int n, float* a, float* b, float* c) => backend.Gemm(new GemmCall<float>(n, n, n)
    {
        A = new((nint)a, n * n),
        B = new((nint)b, n * n),
        C = new((nint)c, n * n),
    });

    public void Dispose() => backend.Dispose();
}
