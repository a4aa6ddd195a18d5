using static TorchSharp.torch;

namespace MiniGrad.GoldenGenerator;

/// <summary>
/// LSTM and GRU over sequences, from given states. Weights are recorded as MiniGrad keeps them, [in, gates H] with gates in its order, one
/// bias for both products; libtorch gets them transposed and reordered, and its gradients come back the same way.
/// </summary>
internal static class RecurrentCases
{
    private const int Steps = 7, Cases = 3, Inputs = 4;

    /// <summary>Records both cells.</summary>
    public static void Add(Recorder recorder)
    {
        foreach (int hidden in new[] { 5, 17 })
        {
            // MiniGrad's f, i, o, g to libtorch's i, f, g, o.
            recorder.Record(
                $"LSTM of {hidden}", "lstm",
                [.. Operands(hidden, 4), new("c0", [Cases, hidden])],
                x => Libtorch.Lstm(
                    x[0], x[1], x[5], Gates(x[2], hidden, 1, 0, 3, 2).t(), Gates(x[3], hidden, 1, 0, 3, 2).t(),
                    Gates(x[4], hidden, 1, 0, 3, 2), zeros_like(x[4])));

            // MiniGrad's z, r, candidate to libtorch's r, z, candidate; only the candidate's recurrent bias is not redundant.
            recorder.Record(
                $"GRU of {hidden}", "gru",
                [.. Operands(hidden, 3), new("candidateBias", [hidden], -1, 1)],
                x => Libtorch.Gru(
                    x[0], x[1], Gates(x[2], hidden, 1, 0, 2).t(), Gates(x[3], hidden, 1, 0, 2).t(), Gates(x[4], hidden, 1, 0, 2),
                    cat([zeros(2 * hidden, x[5].dtype), x[5]])));
        }
    }

    private static Input[] Operands(int hidden, int gates) =>
    [
        new("x", [Steps, Cases, Inputs]), new("h0", [Cases, hidden], -1, 1), new("weightX", [Inputs, gates * hidden], -1, 1),
        new("weightH", [hidden, gates * hidden], -0.7, 0.7), new("bias", [gates * hidden], -1, 1),
    ];

    private static Tensor Gates(Tensor all, int hidden, params int[] order) =>
        cat([.. order.Select(gate => all.narrow(-1, gate * hidden, hidden))], -1);
}
