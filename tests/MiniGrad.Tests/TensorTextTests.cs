using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

/// <summary>Expected texts follow the rules by which NumPy prints the same array, with its default options.</summary>
public sealed class TensorTextTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(threads: 1);

    public void Dispose() => backend.Dispose();

    public static TheoryData<double[], string> Vectors => new()
    {
        { [1, 2, 3], "[1. 2. 3.]" },
        { [0, -0.0, 1], "[ 0. -0.  1.]" },
        { [1, 2.5, -3.25], "[ 1.    2.5  -3.25]" },
        { [0, 0.1, 0.25, 10], "[ 0.    0.1   0.25 10.  ]" },
        { [1.0 / 3], "[0.33333333]" },
        { [2.0 / 3, 1], "[0.66666667 1.        ]" },
        { [0.1 + 0.2], "[0.3]" },
        { [1e-10, 1], "[1.e-10 1.e+00]" },
        { [1e-3, 1.5], "[1.0e-03 1.5e+00]" },
        { [1234.5, 1], "[1.2345e+03 1.0000e+00]" },
        { [1234567, 1000000], "[1234567. 1000000.]" },
        { [1e8], "[1.e+08]" },
        { [99999999], "[99999999.]" },
        { [1.234e9], "[1.234e+09]" },
        { [-1e-5, 0], "[-1.e-05  0.e+00]" },
        { [1e-300, 1e300], "[1.e-300 1.e+300]" },
        { [1e-300, 1], "[1.e-300 1.e+000]" },
        { [double.NaN, 1.5, double.PositiveInfinity], "[nan 1.5 inf]" },
        { [double.NaN, 1], "[nan  1.]" },
        { [double.NegativeInfinity, 1], "[-inf   1.]" },
        { [double.NaN, double.PositiveInfinity], "[nan inf]" },
        { [double.NaN, 1e-9], "[   nan 1.e-09]" },
        { [9.9999999999e-5, 1], "[1.e-04 1.e+00]" },
        {
            [0.291882097, 0.506417263, 0.284875061, 0.4342965, 0.732653839, 0.345950332, 0.086207276, 0.391127530],
            "[0.2918821  0.50641726 0.28487506 0.4342965  0.73265384 0.34595033\n 0.08620728 0.39112753]"
        },
    };

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Numbers_share_a_format_and_align(double[] values, string expected) =>
        Assert.Equal(expected, Print(values, new Shape(values.Length)));

    [Theory]
    [InlineData(1, "1.0")]
    [InlineData(-0.5, "-0.5")]
    [InlineData(0, "0.0")]
    [InlineData(1.0 / 3, "0.3333333333333333")]
    [InlineData(1e-5, "1e-05")]
    [InlineData(1.5e-5, "1.5e-05")]
    [InlineData(1e15, "1000000000000000.0")]
    [InlineData(1e16, "1e+16")]
    [InlineData(double.NaN, "nan")]
    [InlineData(double.NegativeInfinity, "-inf")]
    public void A_scalar_shows_all_its_digits(double value, string expected) => Assert.Equal(expected, Print([value], Shape.Scalar));

    [Fact]
    public void Rows_align_and_matrices_are_parted_by_a_blank_line()
    {
        double[] values = [.. Enumerable.Range(0, 12).Select(i => i - 5.0)];
        Assert.Equal("[[-5. -4. -3.]\n [-2. -1.  0.]\n [ 1.  2.  3.]\n [ 4.  5.  6.]]", Print(values, new Shape(4, 3)));
        Assert.Equal("[[[-5. -4. -3.]\n  [-2. -1.  0.]]\n\n [[ 1.  2.  3.]\n  [ 4.  5.  6.]]]", Print(values, new Shape(2, 2, 3)));
        Assert.Equal("[[[[0.]]]\n\n\n [[[1.]]]]", Print([0, 1], new Shape(2, 1, 1, 1)));
    }

    [Fact]
    public void Long_rows_wrap_at_75_characters()
    {
        double[] values = [.. Enumerable.Range(0, 40).Select(i => (double)i)];
        Assert.Equal(
            "[ 0.  1.  2.  3.  4.  5.  6.  7.  8.  9. 10. 11. 12. 13. 14. 15. 16. 17.\n" +
            " 18. 19. 20. 21. 22. 23. 24. 25. 26. 27. 28. 29. 30. 31. 32. 33. 34. 35.\n 36. 37. 38. 39.]", Print(values, new Shape(40)));
    }

    [Fact]
    public void Above_1000_elements_only_the_ends_of_each_axis_are_shown()
    {
        double[] values = [.. Enumerable.Range(0, 1002).Select(i => i + 1000.0)];
        Assert.Equal("[1000. 1001. 1002. ... 1999. 2000. 2001.]", Print(values, new Shape(1002)));
        Assert.Equal(
            "[[1000. 1001. 1002. ... 1498. 1499. 1500.]\n [1501. 1502. 1503. ... 1999. 2000. 2001.]]", Print(values, new Shape(2, 501)));
        Assert.Equal(
            "[[1000. 1001.]\n [1002. 1003.]\n [1004. 1005.]\n ...\n [1996. 1997.]\n [1998. 1999.]\n [2000. 2001.]]",
            Print(values, new Shape(501, 2)));
        Assert.DoesNotContain("...", Print(values[..1000], new Shape(1000)));
    }

    [Fact]
    public void Numbers_left_out_do_not_decide_the_format()
    {
        double[] values = new double[1001];
        values[500] = 1e20;
        Assert.Equal("[0. 0. 0. ... 0. 0. 0.]", Print(values, new Shape(1001)));
    }

    [Fact]
    public void Floats_show_the_digits_of_a_float()
    {
        using IBackend<float> floats = CpuBackend.Create<float>(threads: 1);
        using Tape<float> tape = new(floats);
        Assert.Equal("[0.1 0.2]", tape.Constant([0.1f, 0.2f], new Shape(2)).ToString());
        Assert.Equal("[0.33333334]", tape.Constant([1f / 3], new Shape(1)).ToString());
        Assert.Equal("[1.e-10 1.e+00]", tape.Constant([1e-10f, 1], new Shape(2)).ToString());
        Assert.Equal("0.1", tape.Constant([0.1f], Shape.Scalar).ToString());
        Assert.Equal("no tensor", default(Tensor<float>).ToString());
    }

    private string Print(double[] values, Shape shape)
    {
        using Tape<double> tape = new(backend);
        return tape.Constant(values, shape).ToString();
    }
}
