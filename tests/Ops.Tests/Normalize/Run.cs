using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Normalize;

/// <summary>The result of one forward and backward pass, in double.</summary>
internal sealed record Run(double[] Y, double[][] Gradients)
{
    /// <summary>Runs an op on the tape of these inputs, backward from a random cotangent (the same for every run of a shape).</summary>
    public static Run Of<T>(
        IBackend<T> backend, Func<Tensor<T>[], Tensor<T>> op, Shape[] shapes, double[][] inputs, double[]? cotangent = null,
        int? onlyGradient = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using Tape<T> tape = new(backend);
        Tensor<T>[] operands = [.. inputs.Select((values, i) => tape.Variable(Convert<T>(values), shapes[i]))];
        Tensor<T> y = op(operands);
        tape.Backward(y, Convert<T>(cotangent ?? TestArrays.Random(y.Shape.ElementCount, 77)));
        return new Run(
            ToDouble(y.ToArray()),
            [.. operands.Where((_, i) => onlyGradient is null || i == onlyGradient).Select(
                operand => ToDouble(operand.GradientToArray()))]);
    }

    public static Run Of<T>(
        Func<Tensor<T>[], Tensor<T>> op, Shape[] shapes, double[][] inputs, double[]? cotangent = null, SimdWidth? width = null,
        int? onlyGradient = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1, width);
        return Of(backend, op, shapes, inputs, cotangent, onlyGradient);
    }

    /// <summary>Random inputs of these shapes, exact in float, so that float and double runs compute the same thing.</summary>
    public static double[][] Inputs(Shape[] shapes, int seed = 1) =>
        [.. shapes.Select((shape, i) => TestArrays.Random(shape.ElementCount, seed + i).Select(x => (double)(float)x).ToArray())];

    /// <summary>
    /// The largest difference, against the largest element of what is expected (or a least scale, where that is left of larger terms).
    /// </summary>
    public static double Difference(double[] expected, double[] got, double leastScale = 0)
    {
        Assert.Equal(expected.Length, got.Length);
        double largest = Math.Max(leastScale, expected.Max(Math.Abs)), difference = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs(expected[i] - got[i]));
            Assert.False(double.IsNaN(got[i]), $"element {i} is NaN");
        }
        return difference == 0 ? 0 : difference / largest;
    }

    private static T[] Convert<T>(double[] values)
        where T : unmanaged, IFloatingPointIeee754<T> => [.. values.Select(T.CreateChecked)];

    private static double[] ToDouble<T>(T[] values)
        where T : unmanaged, IFloatingPointIeee754<T> => [.. values.Select(double.CreateChecked)];
}
