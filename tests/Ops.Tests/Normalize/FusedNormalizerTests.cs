using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Normalize;

/// <summary>Fused normalizers against their twins of plain ops, at every vector width and at row lengths around the widths.</summary>
public class FusedNormalizerTests
{
    private static readonly int[] RowLengths = [1, 2, 7, 8, 15, 16, 17, 1000, 4097];

    public static TheoryData<string, int> Cases
    {
        get
        {
            TheoryData<string, int> cases = [];
            foreach (string name in Normalizers.Names)
            {
                foreach (int columns in RowLengths)
                {
                    // Two groups, of two or more features each.
                    if (name != "group" || columns > 1)
                    {
                        cases.Add(name, name == "group" ? 2 * columns : columns);
                    }
                }
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Fused_and_composed_agree_in_double(string name, int columns) => AssertAgree<double>(name, columns, 2e-14, 2e-13);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Fused_in_float_agrees_with_composed_in_double(string name, int columns) => AssertAgree<float>(name, columns, 1e-6, 1e-5);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_parameter_used_twice_gets_both_gradients(string name)
    {
        foreach (int rows in (int[])[3, 300])
        {
            Shape[] shapes = Normalizers.Shapes(name, rows, 300);
            double[][] inputs = Run.Inputs(shapes);
            Run once = Run.Of<double>(t => Normalizers.Fused(name, t), shapes, inputs);
            Run twice = Run.Of<double>(t => Normalizers.Fused(name, t) + Normalizers.Fused(name, t), shapes, inputs);
            for (int i = 0; i < shapes.Length; i++)
            {
                Assert.InRange(Run.Difference([.. once.Gradients[i].Select(g => 2 * g)], twice.Gradients[i]), 0, 1e-13);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_gradient_that_nobody_wants_changes_no_other(string name)
    {
        Shape[] shapes = Normalizers.Shapes(name, 140, 600);
        double[][] inputs = Run.Inputs(shapes);
        Run all = Run.Of<double>(t => Normalizers.Fused(name, t), shapes, inputs);
        for (int i = 0; i < shapes.Length; i++)
        {
            int only = i;
            Run one = Run.Of<double>(
                t => Normalizers.Fused(
                    name, [.. t.Select((operand, k) => k == only ? operand : operand.Tape.Constant(operand.ToArray(), operand.Shape))]),
                [.. shapes], inputs, onlyGradient: i);
            Assert.Equal(all.Gradients[i], one.Gradients[0]);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Results_do_not_depend_on_the_number_of_threads(string name)
    {
        Shape[] shapes = Normalizers.Shapes(name, 300, 1000);
        double[][] inputs = Run.Inputs(shapes);
        Run expected = Run.Of<float>(t => Normalizers.Fused(name, t), shapes, inputs);
        foreach (int threads in (int[])[2, 4, 8])
        {
            using IBackend<float> backend = CpuBackend.Create<float>(threads);
            Run got = Run.Of(backend, t => Normalizers.Fused(name, t), shapes, inputs);
            Assert.Equal(expected.Y, got.Y);
            Assert.Equal(expected.Gradients, got.Gradients);
        }
    }

    // Rows of an odd length start anywhere in a cache line.
    [Theory]
    [InlineData("layer")]
    [InlineData("batch")]
    public void A_result_that_is_written_past_the_caches_agrees_too(string name)
    {
        const int Rows = 6300, Columns = 1001;
        Assert.True(Streaming.Pays(new DeviceBuffer<double>(0, Rows * Columns)));
        Shape[] shapes = Normalizers.Shapes(name, Rows, Columns);
        double[][] inputs = Run.Inputs(shapes);
        using IBackend<double> backend = CpuBackend.Create<double>(2);
        Run expected = Run.Of(backend, t => Normalizers.Composed(name, t), shapes, inputs);
        Run got = Run.Of(backend, t => Normalizers.Fused(name, t), shapes, inputs);
        Assert.InRange(Run.Difference(expected.Y, got.Y), 0, 2e-14);
        for (int i = 0; i < shapes.Length; i++)
        {
            Assert.InRange(Run.Difference(expected.Gradients[i], got.Gradients[i]), 0, 2e-13);
        }
    }

    public static TheoryData<string> Names => [.. Normalizers.Names];

    private static void AssertAgree<T>(string name, int columns, double forward, double backward)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        // 137 rows of 1000 and 17 of 4097 make several chunks with a short last one.
        foreach (int rows in columns < 1000 ? (int[])[2, 5, 37] : columns <= 2000 ? [137] : [17])
        {
            int members = name.StartsWith("batch", StringComparison.Ordinal) ? rows : name == "group" ? columns / 2 : columns;
            Shape[] shapes = Normalizers.Shapes(name, rows, columns);
            double[][] inputs = Run.Inputs(shapes);
            Spread(inputs[0], columns);
            Run expected = Run.Of<double>(t => Normalizers.Composed(name, t), shapes, inputs);
            foreach (SimdWidth width in SimdSupport.Supported)
            {
                Run got = Run.Of<T>(t => Normalizers.Fused(name, t), shapes, inputs, width: width);
                Assert.InRange(Run.Difference(expected.Y, got.Y), 0, forward);
                for (int i = 0; i < shapes.Length; i++)
                {
                    // Of one or two numbers xHat is 0, or 1 and -1, whatever they are: dx is nothing but what is left of terms as large as
                    // gain dy.
                    bool cancels = i == 0 && name != "weight" && members <= 2;
                    Assert.InRange(Run.Difference(expected.Gradients[i], got.Gradients[i], leastScale: cancels ? 1 : 0), 0, backward);
                }
            }
        }
    }

    // Like a chess board, so that neighbours differ and no row or column of random numbers happens to have a tiny variance.
    private static void Spread(double[] x, int columns)
    {
        for (int i = 0; i < x.Length; i++)
        {
            x[i] += ((i / columns) + (i % columns)) % 2 == 0 ? 1.5 : -1.5;
        }
    }
}
