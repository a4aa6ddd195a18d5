using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MiniGrad.GoldenGenerator;

/// <summary>Losses, all of them means: over the rows for cross-entropy, over the elements for the others.</summary>
internal static class LossCases
{
    /// <summary>Records all of them.</summary>
    public static void Add(Recorder recorder)
    {
        int[] labels = [2, 0, 4, 4, 1, 3];
        foreach (double smoothing in new[] { 0, 0.1, 0.5 })
        {
            foreach ((string range, double bound) in new[] { ("ordinary", 3.0), ("huge", 1e4) })
            {
                recorder.Record(
                    $"cross-entropy, smoothing {smoothing}, {range} logits", "cross-entropy", [new("logits", [6, 5], -bound, bound)],
                    x => cross_entropy(x[0], Labels(labels), label_smoothing: smoothing), [("smoothing", [smoothing])], labels);
            }
            int[] wide = [.. Enumerable.Range(0, 9).Select(i => i * 37 % 41)];
            recorder.Record(
                $"cross-entropy, smoothing {smoothing}, 41 classes", "cross-entropy", [new("logits", [9, 41], -3, 3)],
                x => cross_entropy(x[0], Labels(wide), label_smoothing: smoothing), [("smoothing", [smoothing])], wide);
        }
        double masked = double.NegativeInfinity;
        recorder.Record(
            "cross-entropy, masked logits", "cross-entropy", [Input.Of("logits", [2, 4], 1, masked, 2, 0.5, masked, masked, -1, masked)],
            x => cross_entropy(x[0], Labels([3, 2])), [("smoothing", [0])], [3, 2]);
        foreach ((string range, double bound) in new[] { ("ordinary", 3.0), ("large", 30), ("huge", 1e4) })
        {
            recorder.Record(
                $"binary cross-entropy, {range} logits", "binary cross-entropy",
                [new("logits", [4, 7], -bound, bound), new("targets", [4, 7], 0, 1)],
                x => binary_cross_entropy_with_logits(x[0], x[1]));
        }
        Input predictions = new("predictions", [4, 7]), targets = new("targets", [4, 7]);
        recorder.Record("mean squared error", "mean squared error", [predictions, targets], x => mse_loss(x[0], x[1]));
        recorder.Record("mean absolute error", "mean absolute error", [predictions, targets], x => l1_loss(x[0], x[1]));
        recorder.Record("mean absolute error where equal", "mean absolute error", At(0, 1, -1), x => l1_loss(x[0], x[1]));
        foreach (double delta in new[] { 1, 0.3, 2.5 })
        {
            recorder.Record(
                $"huber, delta {delta}", "huber", [predictions, targets], x => huber_loss(x[0], x[1], delta), [("delta", [delta])]);
        }
        recorder.Record("huber at its joints", "huber", At(0.5, -0.5, 0, 0.75), x => huber_loss(x[0], x[1], 0.5), [("delta", [0.5])]);
    }

    /// <summary>Predictions and targets with these differences.</summary>
    private static Input[] At(params double[] differences) =>
    [
        Input.Of("predictions", [differences.Length], [.. differences.Select(difference => 2 + difference)]),
        Input.Of("targets", [differences.Length], [.. differences.Select(_ => 2.0)]),
    ];

    private static Tensor Labels(int[] labels) => tensor(labels, ScalarType.Int64);
}
