using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MiniGrad.GoldenGenerator;

/// <summary>Softmax and its logarithm along an axis.</summary>
internal static class SoftmaxCases
{
    /// <summary>Records all of them.</summary>
    public static void Add(Recorder recorder)
    {
        foreach (int axis in new[] { 0, 1, 2 })
        {
            Along("softmax", x => softmax(x, axis), axis, 2, "ordinary");
            Along("log softmax", x => log_softmax(x, axis), axis, 2, "ordinary");
        }
        Along("softmax", x => softmax(x, 2), 2, 1e4, "huge");
        Along("log softmax", x => log_softmax(x, 2), 2, 1e4, "huge");

        recorder.Record("softmax of wide rows", "softmax", [new("x", [2, 41])], x => softmax(x[0], 1), [("axis", [1])]);
        recorder.Record("log softmax of wide rows", "log softmax", [new("x", [2, 41])], x => log_softmax(x[0], 1), [("axis", [1])]);

        double masked = double.NegativeInfinity;
        Input mask = Input.Of("x", [2, 4], 1, masked, 2, 0.5, masked, masked, -1, masked);
        recorder.Record("softmax, masked", "softmax", [mask], x => softmax(x[0], 1), [("axis", [1])]);
        recorder.Record("log softmax, masked", "log softmax", [mask], x => log_softmax(x[0], 1), [("axis", [1])]);

        void Along(string op, Func<Tensor, Tensor> forward, int axis, double bound, string inputs) => recorder.Record(
            $"{op} along {axis}, {inputs} inputs", op, [new("x", [3, 4, 5], -bound, bound)], x => forward(x[0]), [("axis", [axis])]);
    }
}
