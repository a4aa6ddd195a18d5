using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Elementwise;

public sealed class FloatForwardTests() : ForwardTests<float>(Math.Pow(2, -23));

public sealed class DoubleForwardTests() : ForwardTests<double>(Math.Pow(2, -52));

/// <summary>Unary ops against System.Math, at every vector width.</summary>
/// <param name="ulp">The unit in the last place of 1.</param>
public abstract class ForwardTests<T>(double ulp)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private static readonly double Denormal = double.CreateChecked(T.Epsilon);

    private static readonly double[] SpecialValues =
    [
        double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 1, -1, 0.5, -0.5, 20, -20, 1e4, -1e4,
        1e30, -1e30, 1e-30, -1e-30, Denormal, -Denormal, 1000 * Denormal, -1000 * Denormal,
    ];

    public static MatrixTheoryData<string, SimdWidth> RowsAndWidths => new(ForwardRows.All.Select(row => row.Name), SimdSupport.Supported);

    [Theory]
    [MemberData(nameof(RowsAndWidths))]
    public void Values_agree_with_the_oracle(string name, SimdWidth width)
    {
        ForwardRow row = ForwardRows.All.Single(found => found.Name == name);
        Random random = new(1);
        double[] spread = [.. Enumerable.Range(0, 2000).Select(_ => row.Low + ((row.High - row.Low) * random.NextDouble()))];
        double[] small = [.. Enumerable.Range(0, 400).Select(_ => Math.Pow(2, -40 * random.NextDouble()))];
        double[] all = [.. spread, .. small, .. small.Select(x => -x)];
        Compare(row, [.. all.Where(x => row.Low <= x && x <= row.High)], width);
    }

    [Theory]
    [MemberData(nameof(RowsAndWidths))]
    public void Special_values_agree_with_the_oracle(string name, SimdWidth width) =>
        Compare(ForwardRows.All.Single(found => found.Name == name), SpecialValues, width);

    [Theory]
    [MemberData(nameof(RowsAndWidths))]
    public void NaN_stays_in_its_element(string name, SimdWidth width)
    {
        ForwardRow row = ForwardRows.All.Single(found => found.Name == name);
        double ordinary = (row.Low + row.High) / 2.1;
        for (int at = 0; at < 40; at++)
        {
            double[] x = [.. Enumerable.Repeat(ordinary, 40)];
            x[at] = double.NaN;
            T[] y = Run(row, x, width);
            Assert.Equal(Enumerable.Range(0, 40).Select(i => i == at && name != "x^0"), y.Select(T.IsNaN));
        }
    }

    private static T[] Run(ForwardRow row, double[] x, SimdWidth width)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1, width);
        using Tape<T> tape = new(backend);
        return row.Apply(tape.Constant([.. x.Select(T.CreateTruncating)], new Shape(x.Length))).ToArray();
    }

    /// <summary>The oracle's value rounded to T, sign of zero included, or one within the row's allowance of a finite value.</summary>
    private void Compare(ForwardRow row, double[] inputs, SimdWidth width)
    {
        double[] x = [.. inputs.Select(value => double.CreateChecked(T.CreateTruncating(value)))];
        T[] y = Run(row, x, width);
        double worst = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double exact = row.Oracle(x[i]), got = double.CreateChecked(y[i]), expected = double.CreateChecked(T.CreateTruncating(exact));
            if (expected.Equals(got) && (double.IsNaN(got) || double.IsNegative(got) == double.IsNegative(expected)))
            {
                continue;
            }
            double unit = (ulp * Math.Abs(row.Scale is null ? exact : row.Scale(x[i]))) + Denormal;
            double error = Math.Abs(got - exact) / unit;
            bool isFinite = double.IsFinite(expected) && double.IsFinite(got) && (expected != 0 || got != 0);
            Assert.True(
                isFinite && error <= row.Ulps,
                $"{row.Name} of {x[i]:r} is {got:r}, not {expected:r}: off by {error:g3} units in the last place, over {row.Ulps}.");
            worst = Math.Max(worst, error);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{row.Name}: off by {worst:g3} units in the last place at most.");
    }
}
