namespace MiniGrad.Ops.Tests.Golden;

public class AgreementTests
{
    private static readonly GoldenTensor Expected = new("y", [4], [1e-3, -2, double.NaN, double.NegativeInfinity]);

    [Fact]
    public void The_same_numbers_agree() =>
        Agreement.Require(Expected, [1e-3, -2, double.NaN, double.NegativeInfinity], "value");

    [Theory]
    [InlineData(1.9e-12, true)]
    [InlineData(2.1e-12, false)]
    [InlineData(-1.9e-12, true)]
    [InlineData(-2.1e-12, false)]
    public void Doubles_agree_within_1e_minus_12_of_the_largest_element(double error, bool agrees) =>
        Check(agrees, () => Agreement.Require(Expected, [1e-3 + error, -2, double.NaN, double.NegativeInfinity], "value"));

    [Theory]
    [InlineData(1.9e-5f, true)]
    [InlineData(2.1e-5f, false)]
    public void Floats_agree_within_1e_minus_5_of_the_largest_element(float error, bool agrees) =>
        Check(agrees, () => Agreement.Require<float>(Expected, [1e-3f, -2 + error, float.NaN, float.NegativeInfinity], "value"));

    [Theory]
    [InlineData(2, 1e300)]
    [InlineData(2, double.PositiveInfinity)]
    [InlineData(3, double.NaN)]
    [InlineData(3, double.PositiveInfinity)]
    [InlineData(3, -1e300)]
    [InlineData(0, double.NaN)]
    [InlineData(0, double.NegativeInfinity)]
    public void What_is_not_finite_agrees_with_itself_only(int element, double value)
    {
        double[] actual = [.. Expected.Values];
        actual[element] = value;
        Check(false, () => Agreement.Require<double>(Expected, actual, "value"));
    }

    [Fact]
    public void Zeros_are_matched_exactly()
    {
        GoldenTensor zeros = new("y", [2], [0, 0]);
        Agreement.Require(zeros, [0.0, -0.0], "value");
        Check(false, () => Agreement.Require(zeros, [0, double.Epsilon], "value"));
    }

    private static void Check(bool agrees, Action require)
    {
        if (agrees)
        {
            require();
        }
        else
        {
            Assert.ThrowsAny<Xunit.Sdk.XunitException>(require);
        }
    }
}
