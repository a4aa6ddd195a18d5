using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests;

public sealed class DropoutTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(2);
    private readonly Tape<double> tape;

    public DropoutTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Fact]
    public void Element_i_is_dropped_by_word_i_of_the_generator_and_the_others_are_scaled()
    {
        double[] x = TestArrays.Random(1003, 1, 1, 2);
        Tensor<double> y = tape.Constant(x, new Shape(1003)).Dropout(0.25, new Philox(5));
        Philox words = new(5);
        double[] expected = [.. x.Select(value => words.NextUInt32() / 4294967296.0 < 0.25 ? 0 : value * (1 / 0.75))];
        Assert.Equal(expected, y.ToArray());
    }

    [Fact]
    public void The_gradient_goes_through_the_same_mask()
    {
        Tensor<double> x = tape.Variable([.. Enumerable.Repeat(1.0, 50)], new Shape(50)), y = x.Dropout(0.5, new Philox(5));
        double[] cotangent = TestArrays.Random(50);
        tape.Backward(y, cotangent);
        double[] mask = y.ToArray();
        Assert.Contains(0, mask);
        Assert.Contains(2, mask);
        Assert.Equal(mask.Zip(cotangent, (m, g) => m * g), x.GradientToArray());
    }

    [Fact]
    public void A_share_p_is_dropped_and_the_mean_stays()
    {
        const int Count = 100_000;
        const double P = 0.3;
        double[] y = tape.Constant([.. Enumerable.Repeat(1.0, Count)], new Shape(Count)).Dropout(P, new Philox(11)).ToArray();

        // Five standard deviations of a binomial share.
        Assert.Equal(P, y.Count(value => value == 0) / (double)Count, 5 * Math.Sqrt(P * (1 - P) / Count));
        Assert.Equal(1, y.Average(), 5 * Math.Sqrt(P / (1 - P) / Count));
    }

    [Fact]
    public void The_mask_does_not_depend_on_threads_or_width()
    {
        float[] x = [.. TestArrays.Random(20_001).Select(value => (float)value)];
        float[]? first = null;
        foreach (SimdWidth width in SimdSupport.Supported)
        {
            foreach (int threads in new[] { 1, 2, 4 })
            {
                using IBackend<float> other = CpuBackend.Create<float>(threads, width);
                using Tape<float> local = new(other);
                float[] y = local.Constant(x, new Shape(x.Length)).Dropout(0.5, new Philox(5)).ToArray();
                Assert.Equal(first ??= y, y);
            }
        }
    }

    [Fact]
    public void Masks_differ_from_call_to_call_and_come_again_from_a_saved_state()
    {
        Philox random = new(5);
        Tensor<double> x = tape.Constant([.. Enumerable.Repeat(1.0, 101)], new Shape(101));
        PhiloxState before = random.State;
        double[] first = x.Dropout(0.5, random).ToArray(), second = x.Dropout(0.5, random).ToArray();
        Assert.NotEqual(first, second);
        random.State = before;
        Assert.Equal(first, x.Dropout(0.5, random).ToArray());
        Assert.Equal(before.Position + 104, random.State.Position);
    }

    [Fact]
    public void Evaluation_and_p_zero_give_the_tensor_itself_and_draw_nothing()
    {
        Philox random = new(5);
        Tensor<double> x = tape.Variable([1, 2, 3], new Shape(3));
        int recorded = tape.Nodes.Count;
        Assert.Equal(x.Value.Address, x.Dropout(0.5, random, Phase.Evaluation).Value.Address);
        Assert.Equal(x.Value.Address, x.Dropout(0, random).Value.Address);
        Assert.Equal(recorded, tape.Nodes.Count);
        Assert.Equal(0ul, random.State.Position);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void A_probability_outside_zero_to_one_is_an_error(double probability)
    {
        Tensor<double> x = tape.Variable([1, 2, 3], new Shape(3));
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => x.Dropout(probability, new Philox(5)));
        Assert.Contains("Dropout: the probability of dropping an element must", error.Message, StringComparison.Ordinal);
    }
}
