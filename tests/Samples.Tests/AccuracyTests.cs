namespace MiniGrad.Samples.Tests;

public class AccuracyTests
{
    [Fact]
    public void Rows_whose_largest_score_is_elsewhere_count_as_wrong() =>
        Assert.Equal(2, Accuracy.CountWrong<float>([0, 2, 1, 5, 4, 3, 1, 1, 0], [1, 2, 1]));

    [Fact]
    public void Not_a_number_is_never_largest() =>
        Assert.Equal(1, Accuracy.CountWrong<double>([double.NaN, -1, double.NaN, double.NaN, double.NaN, double.NaN], [1, 1]));
}
