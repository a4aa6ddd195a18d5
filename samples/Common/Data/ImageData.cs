using System.Reflection;

namespace MiniGrad.Samples;

/// <summary>Images to train on and images to test on.</summary>
/// <param name="Source">Where they come from, for reports.</param>
/// <param name="Train">What is trained on.</param>
/// <param name="Test">What is only ever evaluated.</param>
public sealed record ImageData(string Source, ImageSet Train, ImageSet Test)
{
    /// <summary>The source and the numbers of images.</summary>
    public override string ToString() => $"{Source}: {Train.Count} training and {Test.Count} test images";

    /// <summary>The images in a directory, or the embedded digits if <paramref name="directory"/> is null.</summary>
    /// <inheritdoc cref="FromDirectory"/>
    public static ImageData Load(string? directory) => directory is null ? Embedded() : FromDirectory(directory);

    /// <summary>The 10 000 MNIST digits that are embedded here: 8 004 to train on, 1 996 to test on.</summary>
    public static ImageData Embedded() => Load("MNIST-10k (embedded)", (file, axes) =>
    {
        string name = $"mnist10k/{file}.gz";
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        return (IdxReader.Read(stream, name, axes), name);
    });

    /// <summary>The four files of MNIST or Fashion-MNIST in a directory, each raw or, with .gz after its name, packed.</summary>
    /// <exception cref="InputException">A file is missing or malformed, or the files do not fit each other.</exception>
    public static ImageData FromDirectory(string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new InputException($"{directory}: is no directory; --data takes one with the four IDX files of MNIST or Fashion-MNIST.");
        }
        return Load(directory, (file, axes) =>
        {
            string raw = Path.Combine(directory, file);
            string path = File.Exists(raw) || !File.Exists(raw + ".gz") ? raw : raw + ".gz";
            return File.Exists(path)
                ? (IdxReader.Read(path, axes), path)
                : throw new InputException(
                    $"{raw}: is missing, with and without .gz; " +
                    "--data needs train-images-idx3-ubyte, train-labels-idx1-ubyte and the same for t10k.");
        });
    }

    private static ImageData Load(string source, Func<string, int, (IdxArray Array, string Name)> read)
    {
        ImageSet train = LoadSet("train", read), test = LoadSet("t10k", read);
        return (train.Rows, train.Columns) == (test.Rows, test.Columns)
            ? new ImageData(source, train, test)
            : throw new InputException(
                $"{source}: the training images are {train.Rows} x {train.Columns} and the test images {test.Rows} x {test.Columns}; " +
                "both must have one size.");
    }

    private static ImageSet LoadSet(string prefix, Func<string, int, (IdxArray Array, string Name)> read)
    {
        (IdxArray images, string imagesName) = read($"{prefix}-images-idx3-ubyte", 3);
        (IdxArray labels, string labelsName) = read($"{prefix}-labels-idx1-ubyte", 1);
        return ImageSet.Join(images, imagesName, labels, labelsName);
    }
}
