using MiniGrad.Backends;

namespace MiniGrad.Benchmarks;

/// <summary>
/// A product to time: square/n, or fw, dx or dw of a layer, batch x inputs x outputs, whose weights are stored inputs x outputs.
/// </summary>
public sealed record GemmShape(string Name, int M, int N, int K, bool TransposeA, bool TransposeB)
{
    public static IReadOnlyList<GemmShape> All { get; } =
    [
        .. new[] { 32, 64, 128, 256, 512, 1024 }.Select(n => new GemmShape($"square/{n}", n, n, n, false, false)),
        .. Layer(128, 784, 1000), .. Layer(128, 1000, 1000), .. Layer(128, 1000, 10), .. Layer(4, 784, 1000), .. Layer(4, 1000, 1000),
        .. Layer(64, 256, 1024), .. Layer(64, 512, 2048), .. Layer(8, 400, 1600), .. Layer(1, 512, 2048),
    ];

    public long Flops => 2L * M * N * K;

    public int Elements => (M * K) + (K * N) + (M * N);

    public override string ToString() => Name;

    public GemmCall<T> Call<T>(DeviceBuffer<T> memory)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> => new(M, N, K)
        {
            A = memory.Slice(0, M * K),
            B = memory.Slice(M * K, K * N),
            C = memory.Slice((M * K) + (K * N), M * N),
            TransposeA = TransposeA,
            TransposeB = TransposeB,
        };

    private static IEnumerable<GemmShape> Layer(int batch, int inputs, int outputs)
    {
        string size = $"{batch}x{inputs}x{outputs}";
        yield return new($"fw/{size}", batch, outputs, inputs, false, false);
        yield return new($"dx/{size}", batch, inputs, outputs, false, true);
        yield return new($"dw/{size}", inputs, outputs, batch, true, false);
    }
}
