using MiniGrad.Training;

namespace MiniGrad.Samples.Tests.Data;

public class BatchesTests
{
    private static readonly ImageSet Digits = ImageData.Embedded().Test;

    [Fact]
    public void An_epoch_has_every_image_once_with_its_label()
    {
        Batches<float> batches = new(Digits.First(50), 8, new Philox(1));
        List<(string Image, int Label)> seen = [];
        foreach (Batch<float> batch in batches.NextEpoch())
        {
            for (int i = 0; i < batch.Labels.Length; i++)
            {
                float[] image = batch.Images.Slice(i * 784, 784).ToArray();
                seen.Add((string.Join(' ', image.Select(pixel => (byte)Math.Round(pixel * 255))), batch.Labels[i]));
            }
        }
        IEnumerable<(string, int)> all = Enumerable.Range(0, 50)
            .Select(i => (string.Join(' ', Digits.Pixels.Skip(i * 784).Take(784)), (int)Digits.Labels[i]));
        Assert.Equal(all.Order(), seen.Order());
        Assert.NotEqual(all, seen);
    }

    [Fact]
    public void Pixels_are_from_0_to_1()
    {
        double least = 1, most = 0;
        foreach (Batch<double> batch in new Batches<double>(Digits, 100, null).NextEpoch())
        {
            least = Math.Min(least, batch.Images.ToArray().Min());
            most = Math.Max(most, batch.Images.ToArray().Max());
        }
        Assert.Equal((0.0, 1.0), (least, most));
    }

    [Fact]
    public void A_saved_state_repeats_an_epoch_whatever_came_before()
    {
        Philox random = new(7);
        Batches<float> batches = new(Digits.First(40), 16, random);
        int[] first = Labels(batches);
        PhiloxState saved = random.State;
        int[] second = Labels(batches);
        Assert.NotEqual(first, second);
        Assert.Equal(second, Labels(new Batches<float>(Digits.First(40), 16, new Philox(0) { State = saved })));
    }

    [Theory]
    [InlineData(10, 4, new[] { 4, 4, 2 })]
    [InlineData(8, 4, new[] { 4, 4 })]
    [InlineData(9, 4, new[] { 4, 4 })]
    [InlineData(3, 1, new[] { 1, 1, 1 })]
    [InlineData(1, 4, new[] { 1 })]
    [InlineData(3, 128, new[] { 3 })]
    public void A_last_batch_of_one_is_left_out_of_training(int images, int batchSize, int[] sizes)
    {
        Batches<float> batches = new(Digits.First(images), batchSize, new Philox(1));
        Assert.Equal(sizes, Sizes(batches));
        Assert.Equal(sizes.Length, batches.PerEpoch);
    }

    [Fact]
    public void Evaluation_keeps_every_image_in_order()
    {
        Batches<float> batches = new(Digits.First(9), 4, null);
        Assert.Equal([4, 4, 1], Sizes(batches));
        Assert.Equal(Digits.Labels.Take(9).Select(label => (int)label), Labels(batches));
    }

    [Fact]
    public void An_epoch_after_the_first_allocates_nothing()
    {
        Batches<float> batches = new(Digits, 32, new Philox(1));
        float sum = Consume(batches);
        Assert.Equal(0, ManagedHeap.BytesAllocatedBy(() => sum += Consume(batches)));
        Assert.True(sum > 0);
    }

    private static float Consume(Batches<float> batches)
    {
        float sum = 0;
        foreach (Batch<float> batch in batches.NextEpoch())
        {
            sum += batch.Images[400] + batch.Shape[0];
        }
        return sum;
    }

    private static int[] Labels(Batches<float> batches)
    {
        List<int> labels = [];
        foreach (Batch<float> batch in batches.NextEpoch())
        {
            labels.AddRange(batch.Labels);
        }
        return [.. labels];
    }

    private static int[] Sizes(Batches<float> batches)
    {
        List<int> sizes = [];
        foreach (Batch<float> batch in batches.NextEpoch())
        {
            Assert.Equal(new Shape(batch.Labels.Length, 784), batch.Shape);
            sizes.Add(batch.Labels.Length);
        }
        return [.. sizes];
    }
}
