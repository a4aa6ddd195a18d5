using static TorchSharp.torch;

namespace MiniGrad.GoldenGenerator;

/// <summary>Functions of all elements along some axes; reduced axes are left out of the result.</summary>
internal static class ReductionCases
{
    private static readonly int[] Shape = [2, 3, 5];

    /// <summary>Records all of them.</summary>
    public static void Add(Recorder recorder)
    {
        foreach (int[] axes in new int[][] { [0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2] })
        {
            long[] dims = [.. axes.Select(axis => (long)axis)];
            Reduction("sum", x => x.sum(dims));
            Reduction("mean", x => x.mean(dims));
            Reduction("max", x => x.amax(dims));
            Reduction("variance", x => x.var(dims, unbiased: false), ("unbiased", [0]));
            Reduction("variance", x => x.var(dims, unbiased: true), ("unbiased", [1]));
            Reduction("logsumexp", x => LogSumExp(x, axes));

            void Reduction(string op, Func<Tensor, Tensor> forward, params (string Name, double[] Value)[] arguments)
            {
                string with = string.Concat(arguments.Select(argument => $", {argument.Name} {argument.Value[0]}"));
                recorder.Record(
                    $"{op} over {string.Join(" and ", axes)}{with}", op, [new("x", Shape)], x => forward(x[0]),
                    [("axes", [.. axes.Select(axis => (double)axis)]), .. arguments]);
            }
        }
        recorder.Record("logsumexp of huge inputs", "logsumexp", [new("x", [4, 7], -1e4, 1e4)], x => x[0].logsumexp(1), [("axes", [1])]);
        recorder.Record(
            "logsumexp of equal huge inputs", "logsumexp", [Input.Of("x", [2, 3], 1e4, 1e4, 1e4, -1e4, -1e4, -1e4)],
            x => x[0].logsumexp(1), [("axes", [1])]);
        double masked = double.NegativeInfinity;
        recorder.Record(
            "logsumexp, masked", "logsumexp", [Input.Of("x", [2, 3], 1, masked, 2, masked, masked, -1)],
            x => x[0].logsumexp(1), [("axes", [1])]);
        recorder.Record("max of ties", "max", [Input.Of("x", [2, 4], 1, 3, 3, 2, 5, 5, 5, 5)], x => x[0].amax([1]), [("axes", [1])]);
        // Deviations are a twentieth of the mean: a variance from sums of squares loses three digits here, too many in float32.
        recorder.Record(
            "variance far from zero", "variance", [new("x", [3, 37], 9.5, 10.5)],
            x => x[0].var([1], unbiased: false), [("axes", [1]), ("unbiased", [0])]);
    }

    /// <summary>Over several axes: they become the last one first, since libtorch's function here takes one.</summary>
    private static Tensor LogSumExp(Tensor x, int[] axes)
    {
        long[] kept = [.. Enumerable.Range(0, Shape.Length).Where(axis => !axes.Contains(axis)).Select(axis => (long)axis)];
        long[] order = [.. kept, .. axes.Select(axis => (long)axis)];
        return x.permute(order).reshape([.. kept.Select(axis => x.shape[axis]), -1]).logsumexp(-1);
    }
}
