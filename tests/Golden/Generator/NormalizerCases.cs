using static TorchSharp.torch.nn.functional;

namespace MiniGrad.GoldenGenerator;

/// <summary>Normalizers of rows and of columns. Weight norm's weights are recorded as [in, out], and so are their gradients.</summary>
internal static class NormalizerCases
{
    /// <summary>Records all of them.</summary>
    public static void Add(Recorder recorder)
    {
        foreach (int[] shape in new int[][] { [3, 7], [2, 101], [2, 3, 5], [1, 4] })
        {
            int d = shape[^1];
            string name = string.Join('x', shape);
            Input[] inputs = [new("x", shape), new("gain", [d], 0.5, 1.5), new("bias", [d])];
            foreach (double epsilon in new[] { 1e-5, 1e-3 })
            {
                recorder.Record(
                    $"layer norm of {name}, epsilon {epsilon}", "layer norm", inputs,
                    x => layer_norm(x[0], [d], x[1], x[2], epsilon), [("epsilon", [epsilon])]);
                recorder.Record(
                    $"RMS norm of {name}, epsilon {epsilon}", "RMS norm", inputs[..2],
                    x => Libtorch.RmsNorm(x[0], x[1], epsilon), [("epsilon", [epsilon])]);
            }
            recorder.Record(
                $"layer norm of {name}, no gain or bias", "layer norm", inputs[..1], x => layer_norm(x[0], [d]), [("epsilon", [1e-5])]);
        }
        foreach ((int rows, int d, int groups) in new[] { (3, 8, 2), (4, 33, 3), (4, 12, 1) })
        {
            recorder.Record(
                $"group norm of {rows}x{d} in {groups}", "group norm", [new("x", [rows, d]), new("gain", [d], 0.5, 1.5), new("bias", [d])],
                x => group_norm(x[0], groups, x[1], x[2]), [("groups", [groups]), ("epsilon", [1e-5])]);
        }
        // Not two rows: but for epsilon their normalized values are always 1 and -1, and dx is what rounding leaves of a difference.
        foreach ((int rows, int d) in new[] { (4, 5), (7, 19), (3, 3), (37, 2) })
        {
            Input[] inputs = [new("x", [rows, d]), new("gain", [d], 0.5, 1.5), new("bias", [d])];
            Input[] state = [new("runningMean", [d]), new("runningVariance", [d], 0.5, 2)];
            foreach (string phase in new[] { "training", "evaluation" })
            {
                recorder.Record(
                    $"batch norm of {rows}x{d}, {phase}", $"batch norm, {phase}", inputs, state,
                    x =>
                    [
                        ("y", batch_norm(x[0], x[3], x[4], x[1], x[2], phase == "training", 0.1, 1e-5)),
                        ("runningMean", x[3]),
                        ("runningVariance", x[4]),
                    ],
                    [("epsilon", [1e-5]), ("momentum", [0.1])], []);
            }
            // libtorch has no normalizer with the unbiased variance; this is its own autograd over the definition.
            recorder.Record(
                $"batch norm of {rows}x{d}, training, unbiased", "batch norm, training, unbiased", inputs,
                x => ((x[0] - x[0].mean([0])) / (x[0].var([0], unbiased: true) + 1e-5).sqrt() * x[1]) + x[2], [("epsilon", [1e-5])]);
        }
        foreach ((int fanIn, int units) in new[] { (4, 3), (19, 17) })
        {
            recorder.Record(
                $"weight norm of {fanIn}x{units}", "weight norm", [new("v", [fanIn, units]), new("gain", [units], 0.5, 1.5)],
                x => Libtorch.WeightNorm(x[0], x[1]));
        }
    }
}
