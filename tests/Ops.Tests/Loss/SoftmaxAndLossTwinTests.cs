using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

/// <summary>Softmax and the losses against the same functions composed of plain ops, at lengths around the vector widths.</summary>
public class SoftmaxAndLossTwinTests
{
    private const int Rows = 5;

    // Not 1: there the exact result is 0 and the twin's is its rounding (SoftmaxTests and SoftmaxCrossEntropyTests have that case).
    private static readonly int[] Columns = [2, 7, 8, 15, 16, 17, 1000];

    public static MatrixTheoryData<string, SimdWidth> CasesAndWidths => new([.. Twins<double>.Table.Keys], SimdSupport.Supported);

    [Theory]
    [MemberData(nameof(CasesAndWidths))]
    public void A_fused_op_equals_its_composed_twin_in_double(string name, SimdWidth width) =>
        AssertTwins<double>(name, width, 1e-14, 1e-13);

    [Theory]
    [MemberData(nameof(CasesAndWidths))]
    public void A_fused_op_equals_its_composed_twin_in_float(string name, SimdWidth width) =>
        AssertTwins<float>(name, width, 1e-6, 1e-5);

    /// <summary>Errors are relative to the largest element: gradients of a row add up to 0, so single ones may be all rounding.</summary>
    private static void AssertTwins<T>(string name, SimdWidth width, double forwardTolerance, double backwardTolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1, width);
        using Tape<T> tape = new(backend);
        (Twins<T>.Op fused, Twins<T>.Op composed) = Twins<T>.Table[name];
        foreach (int columns in Columns)
        {
            Shape shape = new(Rows, columns);
            T[] values = [.. TestArrays.Random(Rows * columns, columns, -4, 4).Select(T.CreateChecked)];
            T[] targets = [.. TestArrays.Random(Rows * columns, columns + 1, 0, 1).Select(T.CreateChecked)];
            Tensor<T> x = tape.Variable(values, shape), target = tape.Constant(targets, shape);
            Tensor<T> y = fused(x, target), twin = composed(x, target);
            Assert.Equal(twin.Shape, y.Shape);
            AssertClose($"{name} of {columns} columns", twin.ToArray(), y.ToArray(), forwardTolerance);
            T[] cotangent = [.. TestArrays.Random(y.Shape.ElementCount, 3).Select(T.CreateChecked)];
            tape.Backward(y, cotangent);
            T[] gradient = x.GradientToArray();
            tape.Backward(twin, cotangent);
            AssertClose($"gradient of {name} of {columns} columns", x.GradientToArray(), gradient, backwardTolerance);
            tape.Reset();
        }
    }

    private static void AssertClose<T>(string what, T[] expected, T[] actual, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double scale = Math.Max(expected.Max(value => Math.Abs(double.CreateChecked(value))), 1e-3);
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs(double.CreateChecked(expected[i]) - double.CreateChecked(actual[i])) / scale;
            if (!(error <= tolerance))
            {
                Assert.Fail($"{what}: element {i} is {actual[i]}, the twin's {expected[i]}: off by {error}.");
            }
        }
    }

    private static class Twins<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public delegate Tensor<T> Op(Tensor<T> x, Tensor<T> target);

        public static Dictionary<string, (Op Fused, Op Composed)> Table { get; } = new()
        {
            ["Softmax"] = ((x, _) => x.Softmax(), (x, _) => Softmax(x)),
            ["LogSoftmax"] = ((x, _) => x.LogSoftmax(), (x, _) => LogSoftmax(x)),
            ["SoftmaxCrossEntropy"] = (
                (x, _) => x.SoftmaxCrossEntropy(Labels(x)),
                (x, _) => -(OneHot(x) * LogSoftmax(x)).Sum() / T.CreateChecked(Rows)),
            ["SoftmaxCrossEntropy, smoothed"] = (
                (x, _) => x.SoftmaxCrossEntropy(Labels(x), 0.25),
                (x, _) => -(((OneHot(x) * Number(0.75)) + Number(0.25 / x.Shape[1])) * LogSoftmax(x)).Sum() / T.CreateChecked(Rows)),
            ["MeanSquaredError"] = ((x, t) => x.MeanSquaredError(t), (x, t) => ((x - t) * (x - t)).Mean()),
            ["L1Loss"] = ((x, t) => x.L1Loss(t), (x, t) => (x - t).Abs().Mean()),
            ["HuberLoss"] = ((x, t) => x.HuberLoss(t, 0.5), (x, t) => Huber(x - t, Number(0.5)).Mean()),
            ["BinaryCrossEntropyWithLogits"] = (
                (x, t) => x.BinaryCrossEntropyWithLogits(t),
                (x, t) => -((t * x.Sigmoid().Log()) + ((T.One - t) * (-x).Sigmoid().Log())).Mean()),
        };

        private static T Number(double value) => T.CreateChecked(value);

        private static Tensor<T> Softmax(Tensor<T> x)
        {
            Tensor<T> powers = x.Exp();
            return powers / powers.Sum(1).Reshape(-1, 1);
        }

        private static Tensor<T> LogSoftmax(Tensor<T> x) => x - x.Exp().Sum(1).Log().Reshape(-1, 1);

        private static Tensor<T> Huber(Tensor<T> d, T delta)
        {
            Tensor<T> c = d.Clip(-delta, delta);
            return c * (d - (c * Number(0.5)));
        }

        private static int[] Labels(Tensor<T> x) => [.. Enumerable.Range(0, Rows).Select(row => row * 3 % x.Shape[1])];

        private static Tensor<T> OneHot(Tensor<T> x)
        {
            T[] hot = new T[x.Shape.ElementCount];
            int[] labels = Labels(x);
            for (int row = 0; row < labels.Length; row++)
            {
                hot[(row * x.Shape[1]) + labels[row]] = T.One;
            }
            return x.Tape.Constant(hot, x.Shape);
        }
    }
}
