using static TorchSharp.torch;

namespace MiniGrad.GoldenGenerator;

/// <summary>Functions of libtorch that TorchSharp has no name for, reached by TorchScript.</summary>
internal static class Libtorch
{
    private static readonly jit.CompilationUnit Script = jit.compile(
        "def rms_norm(x, gain, epsilon: float):\n    return torch.rms_norm(x, [x.size(-1)], gain, epsilon)\n" +
        "def weight_norm(v, g):\n    return torch._weight_norm(v, g, 0)\n" +
        "def lstm(x, h, c, wx, wh, bx, bh):\n" +
        "    return torch.lstm(x, [h, c], [wx, wh, bx, bh], True, 1, 0.0, True, False, False)[0]\n" +
        "def gru(x, h, wx, wh, bx, bh):\n" +
        "    return torch.gru(x, h, [wx, wh, bx, bh], True, 1, 0.0, True, False, False)[0]\n");

    /// <summary><c>torch.rms_norm</c> over the last axis.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor gain, double epsilon) => Script.invoke<Tensor>("rms_norm", x, gain, epsilon);

    /// <summary><c>torch._weight_norm</c> of weights stored [in, out] with one gain per unit; libtorch's own layout is [out, in].</summary>
    public static Tensor WeightNorm(Tensor v, Tensor gain) =>
        Script.invoke<Tensor>("weight_norm", v.t().contiguous(), gain.unsqueeze(1)).t();

    /// <summary><c>torch.lstm</c> of one layer over (T, N, I), from states (N, H): all hidden states.</summary>
    public static Tensor Lstm(Tensor x, Tensor h, Tensor c, Tensor weightX, Tensor weightH, Tensor biasX, Tensor biasH) =>
        Script.invoke<Tensor>(
            "lstm", x, h.unsqueeze(0), c.unsqueeze(0), weightX.contiguous(), weightH.contiguous(), biasX.contiguous(), biasH.contiguous());

    /// <summary><c>torch.gru</c> of one layer over (T, N, I), from states (N, H): all hidden states.</summary>
    public static Tensor Gru(Tensor x, Tensor h, Tensor weightX, Tensor weightH, Tensor biasX, Tensor biasH) =>
        Script.invoke<Tensor>("gru", x, h.unsqueeze(0), weightX.contiguous(), weightH.contiguous(), biasX.contiguous(), biasH.contiguous());
}
