using CsCheck;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

/// <summary>Binary ops and their gradients against the definition of broadcasting, one element at a time.</summary>
public class BroadcastingTests
{
    /// <summary>A result shape, and for each operand how many leading axes it lacks and which of the others it repeats.</summary>
    private static readonly Gen<(int[] Extents, int Lacks1, bool[] Repeats1, int Lacks2, bool[] Repeats2)> Cases = Gen.Select(
        Gen.Int[1, 9].Array[0, Shape.MaxRank], Gen.Int[0, 4], Gen.Bool.Array[4], Gen.Int[0, 4], Gen.Bool.Array[4]);

    [Fact]
    public void Values_and_gradients_follow_the_definition() => Cases.Sample(
        drawn =>
        {
            int[] a = Operand(drawn.Extents, drawn.Lacks1, drawn.Repeats1), b = Operand(drawn.Extents, drawn.Lacks2, drawn.Repeats2);
            Check(new Shape(a), new Shape(b));
        },
        iter: 300);

    [Theory]
    [InlineData("7x1x513", "1x5x1")]
    [InlineData("3x9000", "9000")]
    [InlineData("3x9000", "3x1")]
    [InlineData("20000", "")]
    [InlineData("2x1x3x1", "1x300x1x70")]
    public void Large_operands_too(string a, string b)
    {
        static Shape Parse(string text) => new([.. text.Split('x', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)]);
        Check(Parse(a), Parse(b));
    }

    private static int[] Operand(int[] extents, int lacks, bool[] repeats) =>
        [.. extents.Select((extent, axis) => repeats[axis] ? 1 : extent).Skip(Math.Min(lacks, extents.Length))];

    private static void Check(Shape shapeA, Shape shapeB)
    {
        using IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
        using Tape<double> tape = new(backend);
        double[] a = Numbers(shapeA, 1), b = Numbers(shapeB, 2);
        Tensor<double> x = tape.Variable(a, shapeA), y = tape.Variable(b, shapeB), z = x * y;
        double[] dz = Numbers(z.Shape, 3), expected = new double[dz.Length], da = new double[a.Length], db = new double[b.Length];
        for (int i = 0; i < dz.Length; i++)
        {
            int ia = Source(i, z.Shape, shapeA), ib = Source(i, z.Shape, shapeB);
            expected[i] = a[ia] * b[ib];
            da[ia] += dz[i] * b[ib];
            db[ib] += dz[i] * a[ia];
        }
        tape.Backward(z, dz);
        Assert.Equal(expected, z.ToArray());
        AssertClose(da, x.GradientToArray(), dz.Length);
        AssertClose(db, y.GradientToArray(), dz.Length);
    }

    // Only the order of summation differs, so errors are a few units in the last place of the sum of magnitudes.
    private static void AssertClose(double[] expected, double[] actual, int summands) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-16 * (10 + summands)));

    /// <summary>
    /// The element of an operand that element <paramref name="i"/> of the result reads: index 0 where the operand's extent is 1.
    /// </summary>
    private static int Source(int i, Shape result, Shape operand)
    {
        int source = 0, step = 1;
        for (int axis = 1; axis <= result.Rank; axis++)
        {
            i = Math.DivRem(i, result[-axis], out int index);
            if (axis <= operand.Rank)
            {
                source += operand[-axis] == 1 ? 0 : index * step;
                step *= operand[-axis];
            }
        }
        return source;
    }

    private static double[] Numbers(Shape shape, ulong seed)
    {
        double[] numbers = new double[shape.ElementCount];
        new Training.Philox(seed).Uniform<double>(numbers, -1, 1);
        return numbers;
    }
}
