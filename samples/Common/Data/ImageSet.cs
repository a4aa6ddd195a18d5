namespace MiniGrad.Samples;

/// <summary>Grey images of one size with a class from 0 to 9 each, as MNIST and Fashion-MNIST have them.</summary>
public sealed class ImageSet
{
    /// <summary>The number of classes.</summary>
    public const int Classes = 10;

    private ImageSet(byte[] pixels, byte[] labels, int count, int rows, int columns)
    {
        (Pixels, Labels, Count, Rows, Columns) = (pixels, labels, count, rows, columns);
    }

    /// <summary>The grey values, 0 to 255, image after image in rows.</summary>
    public byte[] Pixels { get; }

    /// <summary>The class of each image.</summary>
    public byte[] Labels { get; }

    /// <summary>The number of images.</summary>
    public int Count { get; }

    /// <summary>The height of each image.</summary>
    public int Rows { get; }

    /// <summary>The width of each image.</summary>
    public int Columns { get; }

    /// <summary>The number of pixels of each image.</summary>
    public int PixelsPerImage => Rows * Columns;

    /// <summary>Joins images and labels.</summary>
    /// <param name="images">Count x rows x columns.</param>
    /// <param name="imagesName">What messages call the images.</param>
    /// <param name="labels">Count.</param>
    /// <param name="labelsName">What messages call the labels.</param>
    /// <exception cref="InputException">The counts differ, or a label is not a class.</exception>
    public static ImageSet Join(IdxArray images, string imagesName, IdxArray labels, string labelsName)
    {
        int count = images.Extents[0];
        if (labels.Extents[0] != count)
        {
            throw new InputException(
                $"{labelsName}: has {labels.Extents[0]} labels, but {imagesName} has {count} images; each image must have one label.");
        }
        int wrong = labels.Data.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(Classes - 1));
        if (wrong >= 0)
        {
            throw new InputException($"{labelsName}: label {wrong} is {labels.Data[wrong]}; labels must be 0 to {Classes - 1}.");
        }
        return new ImageSet(images.Data, labels.Data, count, images.Extents[1], images.Extents[2]);
    }

    /// <summary>The first images only, or all if there are fewer. The data are shared.</summary>
    public ImageSet First(int count) => new(Pixels, Labels, Math.Min(count, Count), Rows, Columns);
}
