using System.Numerics;

namespace MiniGrad.Ops.Tests.Golden;

/// <summary>The recorded ops by name, as MiniGrad calls them: a line for each.</summary>
internal static class GoldenOps
{
    /// <summary>Runs the op of a case on its inputs.</summary>
    public static Tensor<T> Apply<T>(GoldenCase golden, Tensor<T>[] x)
        where T : unmanaged, IFloatingPointIeee754<T> => golden.Op switch
        {
            "relu" => x[0].Relu(),
            "leaky relu" => x[0].LeakyRelu(golden.Argument("slope")),
            "elu" => x[0].Elu(golden.Argument("alpha")),
            "gelu" => x[0].Gelu(),
            "gelu tanh" => x[0].GeluTanh(),
            "softplus" => x[0].Softplus(),
            "silu" => x[0].Silu(),
            "tanh" => x[0].Tanh(),
            "sigmoid" => x[0].Sigmoid(),
            "abs" => x[0].Abs(),
            "clip" => x[0].Clip(T.CreateChecked(golden.Argument("low")), T.CreateChecked(golden.Argument("high"))),
            "exp" => x[0].Exp(),
            "log" => x[0].Log(),
            "sqrt" => x[0].Sqrt(),
            "power" => x[0].Power(golden.Argument("exponent")),
            "add" => x[0] + x[1],
            "subtract" => x[0] - x[1],
            "multiply" => x[0] * x[1],
            "divide" => x[0] / x[1],
            "maximum" => x[0].Maximum(x[1]),
            "minimum" => x[0].Minimum(x[1]),
            "sum" => x[0].Sum(golden.Axes),
            "mean" => x[0].Mean(golden.Axes),
            "max" => x[0].Max(golden.Axes),
            "logsumexp" => x[0].LogSumExp(golden.Axes),
            "variance" => x[0].Variance(golden.Axes, golden.IsSet("unbiased") ? 1 : 0),
            "matmul" => x[0].MatMul(x[1], golden.IsSet("transposeA"), golden.IsSet("transposeB")),
            "linear" => x[0].Affine(x[1], x[2]),
            "softmax" => x[0].Softmax((int)golden.Argument("axis")),
            "log softmax" => x[0].LogSoftmax((int)golden.Argument("axis")),
            "cross-entropy" => x[0].SoftmaxCrossEntropy(golden.Labels, golden.Argument("smoothing")),
            "binary cross-entropy" => x[0].BinaryCrossEntropyWithLogits(x[1]),
            "mean squared error" => x[0].MeanSquaredError(x[1]),
            "mean absolute error" => x[0].L1Loss(x[1]),
            "huber" => x[0].HuberLoss(x[1], golden.Argument("delta")),
            "layer norm" when x.Length == 1 => x[0].LayerNorm(golden.Argument("epsilon")),
            "layer norm" => x[0].LayerNorm(x[1], x[2], golden.Argument("epsilon")),
            "RMS norm" => x[0].RmsNorm(x[1], golden.Argument("epsilon")),
            "group norm" => x[0].GroupNorm((int)golden.Argument("groups"), x[1], x[2], golden.Argument("epsilon")),
            "batch norm, training" => x[0].BatchNorm(x[1], x[2], golden.Argument("epsilon"), running: Running(golden, x)),
            "batch norm, training, unbiased" => x[0].BatchNorm(x[1], x[2], golden.Argument("epsilon"), BatchVariance.Unbiased),
            "batch norm, evaluation" => x[0].BatchNormEvaluation(x[1], x[2], Running(golden, x), golden.Argument("epsilon")),
            "weight norm" => x[0].WeightNorm(x[1]),
            _ => throw new NotSupportedException($"The recorded op '{golden.Op}' has no line here."),
        };

    private static RunningStatistics<T> Running<T>(GoldenCase golden, Tensor<T>[] x)
        where T : unmanaged, IFloatingPointIeee754<T> => new(x[3].Value, x[4].Value, golden.Argument("momentum"));
}
