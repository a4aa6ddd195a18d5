using MiniGrad.Samples.Compare;
using MiniGrad.Training;

namespace MiniGrad.Samples.Tests.Compare;

public class SequenceTaskTests
{
    private static readonly ImageData Digits = ImageData.Embedded();

    [Fact]
    public void The_permutation_has_every_pixel_once_and_is_always_the_same()
    {
        int[] order = ImageTask<float>.Permutation(784);
        Assert.Equal(Enumerable.Range(0, 784), order.Order());
        Assert.InRange(order.Where((pixel, place) => pixel == place).Count(), 0, 10);
        Assert.Equal(order, ImageTask<float>.Permutation(784));
    }

    [Theory]
    [InlineData(28, false)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(28, true)]
    public void Images_are_read_in_rows_or_pixels(int inputs, bool permutes)
    {
        ImageTask<float> task = new(Digits, cases: 3, inputs, permutes, new Philox(1));
        SequenceBatch<float> batch = task.Test(1);
        Assert.Equal(new Shape(784 / inputs, 3, inputs), batch.Shape);
        int[] order = permutes ? ImageTask<float>.Permutation(784) : [.. Enumerable.Range(0, 784)];
        for (int n = 0; n < 3; n++)
        {
            byte[] image = Digits.Test.Pixels[((3 + n) * 784)..((4 + n) * 784)];
            float[] read = [.. Enumerable.Range(0, task.Steps).SelectMany(step => batch.At(step, n).ToArray())];
            Assert.Equal(order.Select(pixel => (float)(image[pixel] / 255.0)), read);
            Assert.Equal(Digits.Test.Labels[3 + n], batch.Labels[n]);
        }
    }

    [Fact]
    public void Tests_are_the_same_in_any_order_and_go_through_all_images()
    {
        ImageTask<float> task = new(Digits, cases: 256, inputs: 28, permutes: false, new Philox(1));
        Assert.Equal(8, task.TestBatches);
        int[] first = task.Test(0).Labels.ToArray(), last = task.Test(7).Labels.ToArray();
        Assert.Equal(1996 - (7 * 256), last.Length);
        _ = task.Test(2);
        Assert.Equal(first, task.Test(0).Labels.ToArray());
        Assert.Equal(last, task.Test(7).Labels.ToArray());
    }

    [Fact]
    public void Training_goes_on_with_the_next_epoch_of_images()
    {
        ImageTask<float> task = new(Digits with { Train = Digits.Train.First(10) }, cases: 4, inputs: 28, permutes: false, new Philox(1));
        int[] sizes = [.. Enumerable.Range(0, 6).Select(_ => task.NextTraining().Cases)];
        Assert.Equal([4, 4, 2, 4, 4, 2], sizes);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(11)]
    [InlineData(100)]
    public void The_adding_problem_marks_one_number_in_each_half_and_asks_for_their_sum(int steps)
    {
        AddingTask<double> task = new(cases: 16, steps, new Philox(3));
        SequenceBatch<double> batch = task.NextTraining();
        for (int n = 0; n < 16; n++)
        {
            double[][] inputs = [.. Enumerable.Range(0, steps).Select(step => batch.At(step, n).ToArray())];
            int[] marked = [.. Enumerable.Range(0, steps).Where(step => inputs[step][1] == 1)];
            Assert.Equal(2, marked.Length);
            Assert.InRange(marked[0], 0, (steps / 2) - 1);
            Assert.InRange(marked[1], steps / 2, steps - 1);
            Assert.All(inputs, input => Assert.InRange(input[0], 0, 1));
            Assert.Equal(inputs.Sum(input => input[0] * input[1]), batch.Targets[n], 1e-15);
        }
    }

    [Fact]
    public void The_copying_problem_shows_ten_symbols_waits_and_asks_for_them_in_order()
    {
        CopyTask<float> task = new(cases: 5, wait: 7, new Philox(3));
        SequenceBatch<float> batch = task.NextTraining();
        Assert.Equal((27, 10, 10, 8), (task.Steps, task.Inputs, task.Answers, task.Outputs));
        for (int n = 0; n < 5; n++)
        {
            int[] shown = [.. Enumerable.Range(0, 27).Select(step => batch.At(step, n).IndexOf(1f))];
            Assert.All(Enumerable.Range(0, 27), step => Assert.Equal(1, batch.At(step, n).ToArray().Sum()));
            Assert.All(shown[..10], symbol => Assert.InRange(symbol, 0, 7));
            Assert.All(shown[10..16].Concat(shown[17..]), symbol => Assert.Equal(8, symbol));
            Assert.Equal(9, shown[16]);
            Assert.Equal(shown[..10], Enumerable.Range(0, 10).Select(answer => batch.Labels[(answer * 5) + n]));
        }
    }

    [Fact]
    public void Made_sequences_are_new_in_training_and_the_same_in_tests()
    {
        CopyTask<float> task = new(cases: 5, wait: 7, new Philox(3)), other = new(cases: 5, wait: 7, new Philox(4));
        int[] first = task.NextTraining().Labels.ToArray();
        Assert.NotEqual(first, task.NextTraining().Labels.ToArray());
        Assert.NotEqual(first, other.NextTraining().Labels.ToArray());
        Assert.Equal(task.Test(1).Labels.ToArray(), other.Test(1).Labels.ToArray());
        Assert.NotEqual(task.Test(0).Labels.ToArray(), task.Test(1).Labels.ToArray());
    }

    [Fact]
    public void A_text_begins_anew_at_its_start_only()
    {
        TextTask<float> task = new(TextData.Embedded(), cases: 4, steps: 50_000);
        Assert.Equal([true, false, false, true], Enumerable.Range(0, 4).Select(_ => task.NextTraining().BeginsAnew));
    }
}
