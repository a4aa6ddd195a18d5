using System.Security.Cryptography;

namespace MiniGrad.Samples.Tests.Data;

public sealed class ImageDataTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("minigrad-idx-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData("train-images-idx3-ubyte.gz", "ff28dbbf6e2fb6e208be134b3fcc898a5d2a635ab3580f1e3d90eab05bf95a8d")]
    [InlineData("train-labels-idx1-ubyte.gz", "07f184f2ddc173f38bf90c07356510f24fa082731c20c1d0dcdcc8c52dfc3e5f")]
    [InlineData("t10k-images-idx3-ubyte.gz", "7a64b9f67845ef345cdbf846a193e035d54c20fee3ea0bc43f6ae7ce0f0bc4ae")]
    [InlineData("t10k-labels-idx1-ubyte.gz", "d1511ef305d86e385a1ac03612b992f56fe043679e73d944a2c7b5335db8ddc3")]
    public void The_embedded_digits_are_the_published_ones(string file, string sha256)
    {
        using Stream resource = typeof(ImageData).Assembly.GetManifestResourceStream("mnist10k/" + file)!;
        Assert.Equal(sha256, Convert.ToHexStringLower(SHA256.HashData(resource)));
    }

    [Fact]
    public void The_embedded_digits_have_the_documented_counts_and_mean()
    {
        ImageData data = ImageData.Embedded();
        Assert.Equal((8004, 1996, 28, 28), (data.Train.Count, data.Test.Count, data.Train.Rows, data.Test.Columns));
        Assert.Equal(0.1312, data.Train.Pixels.Average(pixel => pixel / 255.0), 4);
        int[] counts = [.. Enumerable.Range(0, 10).Select(c => data.Train.Labels.Concat(data.Test.Labels).Count(label => label == c))];
        Assert.Equal([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978], counts);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_directory_of_raw_or_packed_files_is_loaded(bool packed)
    {
        Write("train", 5, 5, packed);
        Write("t10k", 3, 3, !packed);
        ImageData data = ImageData.Load(directory);
        Assert.Equal((5, 3, 6), (data.Train.Count, data.Test.Count, data.Train.PixelsPerImage));
        Assert.Equal([0, 1, 2], data.Test.Labels);
    }

    [Fact]
    public void Different_counts_of_images_and_labels_are_refused()
    {
        Write("train", 5, 4, false);
        Assert.Contains("has 4 labels", ErrorOfLoading(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_is_no_class_is_refused()
    {
        Write("train", 12, 12, false);
        Assert.Contains("label 10 is 10; labels must be 0 to 9", ErrorOfLoading(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        Write("train", 5, 5, false);
        Assert.Contains("t10k-images-idx3-ubyte: is missing", ErrorOfLoading(), StringComparison.Ordinal);
    }

    [Fact]
    public void Training_and_test_images_of_two_sizes_are_refused()
    {
        Write("train", 5, 5, false);
        Write("t10k", 5, 5, false, columns: 4);
        Assert.Contains("2 x 3 and the test images 2 x 4", ErrorOfLoading(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_does_not_exist_is_named()
    {
        InputException error = Assert.Throws<InputException>(() => ImageData.Load("/no/such"));
        Assert.StartsWith("/no/such: is no directory", error.Message, StringComparison.Ordinal);
    }

    private string ErrorOfLoading() => Assert.Throws<InputException>(() => ImageData.Load(directory)).Message;

    private void Write(string prefix, int images, int labels, bool packed, int columns = 3)
    {
        byte[] labelFile = IdxReaderTests.Idx(0x801, [labels], labels);
        for (int i = 0; i < labels; i++)
        {
            labelFile[8 + i] = (byte)i;
        }
        Save($"{prefix}-images-idx3-ubyte", IdxReaderTests.Idx(0x803, [images, 2, columns], images * 2 * columns), packed);
        Save($"{prefix}-labels-idx1-ubyte", labelFile, packed);
    }

    private void Save(string name, byte[] content, bool packed) =>
        File.WriteAllBytes(Path.Combine(directory, packed ? name + ".gz" : name), packed ? IdxReaderTests.Gzip(content) : content);
}
