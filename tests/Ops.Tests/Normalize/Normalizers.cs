using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Tests.Normalize;

/// <summary>Every fused normalizer by name, and its twin made of plain ops, whose gradients come from the rules of those ops.</summary>
internal static class Normalizers
{
    private const double Epsilon = 1e-5;

    public static readonly string[] Names =
    [
        "layer", "layer simple", "layer detached mean", "layer detached rstd", "layer detached", "rms", "rms with bias",
        "batch", "batch unbiased", "batch evaluation", "group", "weight",
    ];

    /// <summary>The shapes of x, gain and bias, or of those that the normalizer takes.</summary>
    public static Shape[] Shapes(string name, int rows, int columns)
    {
        Shape x = new(rows, columns), feature = new(columns);
        return name switch
        {
            "layer simple" => [x],
            "rms" or "weight" => [x, feature],
            _ => [x, feature, feature],
        };
    }

    public static Tensor<T> Fused<T>(string name, Tensor<T>[] t)
        where T : unmanaged, IFloatingPointIeee754<T> => name switch
        {
            "layer" => t[0].LayerNorm(t[1], t[2], Epsilon),
            "layer simple" => t[0].LayerNorm(Epsilon),
            "layer detached mean" => t[0].LayerNorm(t[1], t[2], Epsilon, DetachedStatistics.Mean),
            "layer detached rstd" => t[0].LayerNorm(t[1], t[2], Epsilon, DetachedStatistics.Rstd),
            "layer detached" => t[0].LayerNorm(t[1], t[2], Epsilon, DetachedStatistics.Both),
            "rms" => t[0].RmsNorm(t[1], Epsilon),
            "rms with bias" => t[0].RmsNorm(t[1], t[2], Epsilon),
            "batch" => t[0].BatchNorm(t[1], t[2], Epsilon),
            "batch unbiased" => t[0].BatchNorm(t[1], t[2], Epsilon, BatchVariance.Unbiased),
            "batch evaluation" => t[0].BatchNormEvaluation(t[1], t[2], Running(t[0]), Epsilon),
            "group" => t[0].GroupNorm(2, t[1], t[2], Epsilon),
            "weight" => t[0].WeightNorm(t[1]),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };

    public static Tensor<T> Composed<T>(string name, Tensor<T>[] t)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tensor<T> x = t[0];
        int rows = x.Shape[0], columns = x.Shape[1];
        switch (name)
        {
            case "layer":
                return Affine(Standardize(x, 1, columns, columns, false, false), t);
            case "layer simple":
                return Standardize(x, 1, columns, columns, false, false);
            case "layer detached mean":
                return Affine(Standardize(x, 1, columns, columns, true, false), t);
            case "layer detached rstd":
                return Affine(Standardize(x, 1, columns, columns, false, true), t);
            case "layer detached":
                return Affine(Standardize(x, 1, columns, columns, true, true), t);
            case "rms" or "rms with bias":
                return Affine(x * Rstd((x * x).Sum(1).Reshape(new Shape(rows, 1)), columns), t);
            case "batch":
                return Affine(Standardize(x, 0, rows, rows, false, false), t);
            case "batch unbiased":
                return Affine(Standardize(x, 0, rows, rows - 1, false, false), t);
            case "batch evaluation":
                return Affine((x - T.CreateTruncating(RunningMean)) / T.Sqrt(T.CreateTruncating(RunningVariance + Epsilon)), t);
            case "group":
                Tensor<T> groups = x.Reshape(new Shape(rows * 2, columns / 2));
                return Affine(Standardize(groups, 1, columns / 2, columns / 2, false, false).Reshape(x.Shape), t);
            case "weight":
                return t[1] * x / (x * x).Sum(0).Sqrt();
            default:
                throw new ArgumentOutOfRangeException(nameof(name), name, null);
        }
    }

    private const double RunningMean = 0.3, RunningVariance = 0.7;

    private static RunningStatistics<T> Running<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceBuffer<T> mean = x.Tape.Rent<T>(x.Shape[1]), variance = x.Tape.Rent<T>(x.Shape[1]);
        x.Tape.Backend.Fill(mean, T.CreateTruncating(RunningMean));
        x.Tape.Backend.Fill(variance, T.CreateTruncating(RunningVariance));
        return new RunningStatistics<T>(mean, variance);
    }

    private static Tensor<T> Standardize<T>(Tensor<T> x, int axis, int count, int divisor, bool detachMean, bool detachRstd)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Shape kept = x.Shape.With(axis, 1);
        Tensor<T> mean = x.Sum(axis).Reshape(kept) / T.CreateChecked(count);
        Tensor<T> deviation = x - (detachMean ? Constant(mean) : mean);
        Tensor<T> rstd = Rstd((deviation * deviation).Sum(axis).Reshape(kept), divisor);
        return deviation * (detachRstd ? Constant(rstd) : rstd);
    }

    private static Tensor<T> Rstd<T>(Tensor<T> squares, int divisor)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        T.One / ((squares / T.CreateChecked(divisor)) + T.CreateTruncating(Epsilon)).Sqrt();

    private static Tensor<T> Affine<T>(Tensor<T> xHat, Tensor<T>[] t)
        where T : unmanaged, IFloatingPointIeee754<T> => t.Length > 2 ? (t[1] * xHat) + t[2] : t[1] * xHat;

    private static Tensor<T> Constant<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Tape.Constant(x.ToArray(), x.Shape);
}
