using System.Numerics;
using MiniGrad.Training;

namespace MiniGrad.Samples;

/// <summary>Some images and their classes. The memory is used again for the next batch.</summary>
/// <param name="images">The pixels from 0 to 1, row-major.</param>
/// <param name="labels">The class of each image.</param>
public readonly ref struct Batch<T>(ReadOnlySpan<T> images, ReadOnlySpan<int> labels)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The pixels from 0 to 1, row-major.</summary>
    public ReadOnlySpan<T> Images { get; } = images;

    /// <summary>The class of each image.</summary>
    public ReadOnlySpan<int> Labels { get; } = labels;

    /// <summary>Images x pixels.</summary>
    public Shape Shape => new(Labels.Length, Images.Length / Labels.Length);
}

/// <summary>Cuts images into mini-batches, for training in a new random order each epoch or for evaluation as they are.</summary>
/// <remarks>
/// <para>The order of an epoch depends on the state of the random numbers at its start alone, so that a saved state repeats it.</para>
/// <para>The last batch of an epoch may be smaller. If it would be a single image in training, the image is left out of that epoch (another
/// one each time): a batch of one has no variance, which batch norm needs.</para>
/// <para>Batches fill the same two buffers, so that a step allocates nothing.</para>
/// </remarks>
public sealed class Batches<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private static readonly T[] Grey = [.. Enumerable.Range(0, 256).Select(value => T.CreateChecked(value / 255.0))];

    private readonly ImageSet images;
    private readonly Philox? random;
    private readonly int[] order;
    private readonly T[] pixels;
    private readonly int[] labels;

    /// <summary>Batches of <paramref name="images"/>.</summary>
    /// <param name="images">What is cut.</param>
    /// <param name="batchSize">The images in a batch, at least 1.</param>
    /// <param name="random">Where the order of each epoch comes from; null keeps the order, and every image, for evaluation.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is below 1.</exception>
    public Batches(ImageSet images, int batchSize, Philox? random)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        this.images = images;
        this.random = random;
        BatchSize = batchSize;
        int largest = Math.Min(batchSize, images.Count);
        order = new int[images.Count];
        pixels = new T[largest * images.PixelsPerImage];
        labels = new int[largest];
        (int whole, int rest) = Math.DivRem(images.Count, batchSize);
        bool leaveOut = rest == 1 && whole > 0 && batchSize > 1 && random is not null;
        PerEpoch = whole + (rest > 0 && !leaveOut ? 1 : 0);
    }

    /// <summary>The images in a batch, except perhaps the last.</summary>
    public int BatchSize { get; }

    /// <summary>The batches of one epoch.</summary>
    public int PerEpoch { get; }

    /// <summary>Puts the images in the order of the next epoch; enumerate the result to get the batches.</summary>
    public Epoch NextEpoch()
    {
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }
        random?.Shuffle<int>(order);
        return new Epoch(this);
    }

    private Batch<T> Fill(int index)
    {
        int start = index * BatchSize, count = Math.Min(BatchSize, images.Count - start), width = images.PixelsPerImage;
        ReadOnlySpan<T> numbers = Grey; // Looked up once, not for every pixel.
        for (int i = 0; i < count; i++)
        {
            int image = order[start + i];
            labels[i] = images.Labels[image];
            ReadOnlySpan<byte> grey = images.Pixels.AsSpan(image * width, width);
            Span<T> row = pixels.AsSpan(i * width, width);
            for (int j = 0; j < row.Length; j++)
            {
                row[j] = numbers[grey[j]];
            }
        }
        return new Batch<T>(pixels.AsSpan(0, count * width), labels.AsSpan(0, count));
    }

    /// <summary>The batches of one epoch, for <c>foreach</c>.</summary>
    public struct Epoch
    {
        private readonly Batches<T> batches;
        private int index;

        internal Epoch(Batches<T> batches) => (this.batches, index) = (batches, -1);

        /// <summary>The batch that was reached.</summary>
        public readonly Batch<T> Current => batches.Fill(index);

        /// <summary>The enumerator: this value.</summary>
        public readonly Epoch GetEnumerator() => this;

        /// <summary>Goes to the next batch, if there is one.</summary>
        public bool MoveNext() => ++index < batches.PerEpoch;
    }
}
