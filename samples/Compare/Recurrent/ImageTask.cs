using System.Numerics;
using MiniGrad.Training;

namespace MiniGrad.Samples.Compare;

/// <summary>Name the digit after having seen its image row by row or pixel by pixel (sequential MNIST).</summary>
internal sealed class ImageTask<T> : SequenceTask<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // One for all: it belongs to the task, not to a run.
    private const ulong PermutationSeed = 2017;

    private readonly Batches<T> train, test;
    private readonly int[] order;
    private Batches<T>.Epoch epoch, tests;
    private int tested = int.MaxValue;

    /// <param name="data">The images.</param>
    /// <param name="cases">N.</param>
    /// <param name="inputs">Pixels per step: those of a row, or 1.</param>
    /// <param name="permutes">Whether the pixels are shuffled first, in all images alike.</param>
    /// <param name="random">Gives the order of the images.</param>
    public ImageTask(ImageData data, int cases, int inputs, bool permutes, Philox random)
        : base(data.Train.PixelsPerImage / inputs, cases, inputs, answers: 1)
    {
        train = new Batches<T>(data.Train, cases, random);
        test = new Batches<T>(data.Test, cases, null);
        epoch = train.NextEpoch();
        order = permutes ? Permutation(data.Train.PixelsPerImage) : [.. Enumerable.Range(0, data.Train.PixelsPerImage)];
    }

    public override int Outputs => ImageSet.Classes;

    public override int TestBatches => test.PerEpoch;

    /// <summary>A random order of so many pixels, each of them once: the same at every call.</summary>
    public static int[] Permutation(int pixels)
    {
        int[] order = [.. Enumerable.Range(0, pixels)];
        new Philox(PermutationSeed).Shuffle<int>(order);
        return order;
    }

    public override SequenceBatch<T> NextTraining()
    {
        if (!epoch.MoveNext())
        {
            epoch = train.NextEpoch();
            epoch.MoveNext();
        }
        return Fill(epoch.Current);
    }

    public override SequenceBatch<T> Test(int index)
    {
        if (index <= tested)
        {
            (tests, tested) = (test.NextEpoch(), -1);
        }
        for (; tested < index; tested++)
        {
            tests.MoveNext();
        }
        return Fill(tests.Current);
    }

    private SequenceBatch<T> Fill(Batch<T> images)
    {
        Batch.Cases = images.Labels.Length;
        images.Labels.CopyTo(Batch.Labels);
        for (int step = 0; step < Steps; step++)
        {
            for (int n = 0; n < Batch.Cases; n++)
            {
                Span<T> to = Batch.At(step, n);
                ReadOnlySpan<T> image = images.Images.Slice(n * order.Length, order.Length);
                for (int i = 0; i < to.Length; i++)
                {
                    to[i] = image[order[(step * to.Length) + i]];
                }
            }
        }
        return Batch;
    }
}
