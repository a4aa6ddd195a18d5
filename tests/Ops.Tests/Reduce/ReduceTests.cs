using CsCheck;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Reduce;

public sealed class ReduceTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(1);
    private readonly Tape<double> tape;

    public ReduceTests() => tape = new(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    /// <summary>Any shape, any set of axes, against plain loops over the elements of each group.</summary>
    [Fact]
    public void Reductions_agree_with_loops_over_any_axes() =>
        Gen.Select(Gen.Int[1, 40].Array[1, 4], Gen.Bool.Array[4], Gen.Int[0, 1000])
            .Where((extents, reduced, _) => extents.Aggregate(1, (a, b) => a * b) < 3000 && reduced.Take(extents.Length).Contains(true))
            .Sample(
                (extents, isReduced, seed) =>
                {
                    Shape shape = new(extents);
                    int[] axes = [.. Enumerable.Range(0, shape.Rank).Where(axis => isReduced[axis])];
                    double[] values = TestArrays.Random(shape.ElementCount, seed, -3, 3);
                    double[][] groups = Groups(values, shape, isReduced);
                    Tensor<double> x = tape.Constant(values, shape);
                    AssertClose(groups.Select(g => g.Sum()), x.Sum(axes));
                    AssertClose(groups.Select(g => g.Average()), x.Mean(axes, keepDims: true));
                    AssertClose(groups.Select(g => g.Max()), x.Max(axes));
                    AssertClose(groups.Select(g => g.Average(v => Math.Pow(v - g.Average(), 2))), x.Variance(axes));
                    AssertClose(groups.Select(g => Math.Log(g.Sum(Math.Exp))), x.LogSumExp(axes, keepDims: true));
                    tape.Reset();
                },
                iter: 200,
                threads: 1);

    [Fact]
    public void Axes_may_stay_as_extents_of_one()
    {
        Tensor<double> x = tape.Constant(TestArrays.Range(24), new Shape(2, 3, 4));
        Assert.Equal(new Shape(2, 4), x.Sum(1).Shape);
        Assert.Equal(new Shape(2, 1, 4), x.Sum([-2], keepDims: true).Shape);
        Assert.Equal(new Shape(1, 1, 1), x.Max([], keepDims: true).Shape);
        Assert.Equal(Shape.Scalar, x.Variance().Shape);
        Assert.Equal([12, 15, 18, 21, 48, 51, 54, 57], x.Sum(1).ToArray());
    }

    /// <summary>1e-6 of the sum; adding 2^21 times to one number would lose 1e-2 of it.</summary>
    [Fact]
    public void Long_sums_lose_few_digits()
    {
        using IBackend<float> floats = CpuBackend.Create<float>(1);
        using Tape<float> floatTape = new(floats);
        float[] values = [.. Enumerable.Repeat(0.1f, 1 << 21)];
        Assert.Equal(0.1f * (1 << 21), floatTape.Constant(values, new Shape(values.Length)).Sum().Item(), 0.2f);
        float[] columns = floatTape.Constant(values, new Shape(values.Length / 2, 2)).Sum(0).ToArray();
        Assert.Equal(0.1f * (1 << 20), columns[1], 0.1f);
    }

    [Fact]
    public void Variance_keeps_its_digits_far_from_zero()
    {
        Tensor<double> x = tape.Constant([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16], new Shape(4));
        Assert.Equal(22.5, x.Variance().Item());
        Assert.Equal(30, x.Variance([0], correction: 1).Item(), 1e-13);
    }

    [Fact]
    public void Ties_of_the_largest_element_share_its_gradient()
    {
        Tensor<double> x = tape.Variable([3, 1, 3, 3, 0, 2, 1, -1], new Shape(2, 4));
        tape.Backward(x.Max(1), [6, 5]);
        Assert.Equal([2, 0, 2, 2, 0, 5, 0, 0], x.GradientToArray());
    }

    [Theory]
    [InlineData(1e4)]
    [InlineData(-1e4)]
    [InlineData(1e300)]
    public void LogSumExp_is_stable_far_from_zero(double offset)
    {
        Tensor<double> x = tape.Variable([offset, offset, offset, offset], new Shape(4));
        Tensor<double> y = x.LogSumExp();
        Assert.Equal(offset + Math.Log(4), y.Item());
        tape.Backward(y);
        Assert.All(x.GradientToArray(), share => Assert.Equal(Math.Abs(offset) < 1e5 ? 0.25 : 1, share, 1e-11));
    }

    [Fact]
    public void LogSumExp_of_infinities_is_infinite_in_their_row_alone()
    {
        const double inf = double.PositiveInfinity;
        Tensor<double> x = tape.Variable([-inf, -inf, -inf, 2, 1, inf, double.NaN, 1], new Shape(4, 2));
        Tensor<double> y = x.LogSumExp(1);
        Assert.Equal([-inf, 2, inf, double.NaN], y.ToArray());
        tape.Backward(y, [1, 1, 1, 1]);
        Assert.Equal([0, 0, 0, 1, 0], x.GradientToArray()[..5]);
    }

    [Fact]
    public void NaN_stays_in_its_row()
    {
        double[] values = TestArrays.Random(3 * 20);
        values[25] = double.NaN;
        Tensor<double> x = tape.Constant(values, new Shape(3, 20));
        foreach (Tensor<double> y in new[] { x.Sum(1), x.Mean(1), x.Max(1), x.Variance(1), x.LogSumExp(1) })
        {
            Assert.Equal([false, true, false], y.ToArray().Select(double.IsNaN));
        }
        Assert.Equal(1, x.Max(0).ToArray().Count(double.IsNaN));
    }

    [Fact]
    public void Impossible_axes_are_named()
    {
        Tensor<double> x = tape.Constant(TestArrays.Range(6), new Shape(2, 3));
        string twice = Assert.Throws<ArgumentException>(() => x.Mean(1, -1)).Message;
        Assert.Contains("axis -1 of shape (2, 3) is named twice", twice, StringComparison.Ordinal);
        string empty = Assert.Throws<ArgumentException>(() => x.Variance([0], correction: 2)).Message;
        Assert.Contains("correction", empty, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Max(2));
    }

    private static double[][] Groups(double[] values, Shape shape, bool[] isReduced)
    {
        SortedDictionary<int, List<double>> groups = [];
        for (int i = 0; i < values.Length; i++)
        {
            int rest = i, key = 0, step = 1;
            for (int axis = shape.Rank - 1; axis >= 0; axis--)
            {
                rest = Math.DivRem(rest, shape[axis], out int index);
                key += isReduced[axis] ? 0 : index * step;
                step *= isReduced[axis] ? 1 : shape[axis];
            }
            (groups.TryGetValue(key, out List<double>? group) ? group : groups[key] = []).Add(values[i]);
        }
        return [.. groups.Values.Select(group => group.ToArray())];
    }

    private static void AssertClose(IEnumerable<double> expected, Tensor<double> got)
    {
        double[] e = [.. expected], g = got.ToArray();
        Assert.Equal(e.Length, g.Length);
        Assert.All(e, (value, i) => Assert.Equal(value, g[i], 1e-11));
    }
}
