using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MiniGrad.GoldenGenerator;

/// <summary>Products of matrices.</summary>
internal static class MatrixCases
{
    /// <summary>Records all of them.</summary>
    public static void Add(Recorder recorder)
    {
        Product("3x4 by 4x5", [3, 4], [4, 5]);
        Product("7x17 by 17x19", [7, 17], [17, 19]);
        Product("batches of 3x4 by 4x5", [2, 3, 4], [2, 4, 5]);
        Product("batches of two axes", [2, 3, 4, 5], [2, 3, 5, 2]);
        Product("batches sharing the right", [2, 3, 4], [4, 5]);
        Product("batches sharing the left", [3, 4], [2, 4, 5]);
        Product("batches that broadcast", [2, 1, 3, 4], [3, 4, 2]);
        Product("transposed left", [4, 3], [4, 5], transposeA: true);
        Product("transposed right", [3, 4], [5, 4], transposeB: true);
        Product("transposed both", [4, 3], [5, 4], transposeA: true, transposeB: true);
        Product("batches, transposed left", [2, 4, 3], [2, 4, 5], transposeA: true);
        Product("batches, transposed right", [2, 3, 4], [2, 5, 4], transposeB: true);
        recorder.Record(
            "linear", "linear", [new("x", [5, 7]), new("weight", [7, 3]), new("bias", [3])], x => linear(x[0], x[1].t(), x[2]));

        void Product(string name, int[] a, int[] b, bool transposeA = false, bool transposeB = false) => recorder.Record(
            $"matmul, {name}", "matmul", [new("a", a), new("b", b)],
            x => matmul(transposeA ? x[0].transpose(-1, -2) : x[0], transposeB ? x[1].transpose(-1, -2) : x[1]),
            [("transposeA", [transposeA ? 1 : 0]), ("transposeB", [transposeB ? 1 : 0])]);
    }
}
