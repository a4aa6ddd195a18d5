using System.Buffers.Binary;
using System.IO.Compression;

namespace MiniGrad.Samples.Tests.Data;

public class IdxReaderTests
{
    private static readonly byte[] TwoImages = Idx(0x803, [2, 2, 3], 12);

    public static TheoryData<string, string, byte[], string> Malformed => new()
    {
        { "empty", "images", [], "ends after 0 bytes" },
        { "half a magic number", "images", [0, 0], "ends after 2 bytes" },
        { "labels for images", "images", Idx(0x801, [12], 12), "begins with 0x00000801; an IDX file of byte images" },
        { "floats", "images", Idx(0xD03, [2, 2, 3], 48), "begins with 0x00000D03" },
        { "text", "images", "<!DOCTYPE html><html>"u8.ToArray(), "begins with 0x3C21444F" },
        { "header cut", "images", TwoImages[..15], "within the IDX header of 16" },
        { "data cut", "images", TwoImages[..^1], "claims 2 x 2 x 3 = 12 bytes after 16 of header, but the file can hold 27" },
        { "data cut at the header", "images", TwoImages[..16], "but the file can hold 16" },
        { "one byte too many", "images", [.. TwoImages, 7], "goes on after the 2 x 2 x 3 = 12 bytes" },
        { "no images", "images", Idx(0x803, [0, 28, 28], 0), "absurd sizes, 0 x 28 x 28" },
        { "no columns", "images", Idx(0x803, [2, 28, 0], 0), "absurd sizes" },
        { "2^32 - 1 images", "images", Idx(0x803, [-1, 28, 28], 0), "absurd sizes, 4294967295 x 28 x 28" },
        { "2^31 images", "images", Idx(0x803, [int.MinValue, 1, 1], 0), "absurd sizes, 2147483648 x 1 x 1" },
        { "a product beyond 64 bits", "images", Idx(0x803, [int.MaxValue, int.MaxValue, int.MaxValue], 0), "absurd sizes" },
        { "a product that wraps to 12", "images", Idx(0x803, [0x40000003, 4, 1], 12), "absurd sizes" },
        { "largest array, raw", "images", Idx(0x803, [2147483, 10, 100], 12), "the file can hold 28" },
        { "raw, named gz", "images.gz", TwoImages, "is not gzip" },
        { "empty, named gz", "images.gz", [], "is not gzip" },
        { "gz with bad magic", "images.gz", Gzip(Idx(0x801, [12], 12)), "begins with 0x00000801" },
        { "gz of nothing", "images.gz", Convert.FromHexString("1f8b080000000000000303000000000000000000"), "ends after 0 bytes" },
        { "gz with data cut before packing", "images.gz", Gzip(TwoImages[..^1]), "claims 12 bytes of data, but it ends after 11" },
        { "gz with one byte too many", "images.gz", Gzip([.. TwoImages, 7]), "goes on after" },
        { "gz that claims what no deflate can hold", "images.gz", Gzip(Idx(0x803, [2147483, 10, 100], 12)), "is truncated" },
        { "gz header only", "images.gz", [0x1f, 0x8b, 8], "" },
        { "gz cut", "images.gz", Gzip(Idx(0x803, [100, 20, 20], 40000))[..^5000], "" },
        { "gz with a flipped bit", "images.gz", Flip(Gzip(TwoImages), 20), "" },
        { "gz with a wrong checksum", "images.gz", Flip(Gzip(TwoImages), ^6), "damaged gzip" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_malformed_file_gets_one_line_that_names_it(string what, string name, byte[] file, string expected)
    {
        Assert.NotEmpty(what);
        InputException error = Assert.Throws<InputException>(() => IdxReader.Read(new MemoryStream(file), name, 3));
        Assert.StartsWith(name + ": ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_malformed_file_costs_no_more_memory_than_its_content(string what, string name, byte[] file, string expected)
    {
        Assert.NotNull(what + expected);
        Assert.Throws<InputException>(() => IdxReader.Read(new MemoryStream(file), name, 3));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InputException>(() => IdxReader.Read(new MemoryStream(file), name, 3));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256 * 1024);
    }

    [Fact]
    public void A_packed_file_with_a_large_but_possible_claim_costs_what_comes_out_of_it()
    {
        // 64 kB packed might by deflate's ratio hold 66 MB, so the claim of 60 MB is believed only as the bytes come.
        byte[] file = Gzip(Idx(0x803, [60, 1000, 1000], 1 << 16));
        long before = GC.GetAllocatedBytesForCurrentThread();
        InputException error = Assert.Throws<InputException>(() => IdxReader.Read(new MemoryStream(file), "bomb.gz", 3));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 19);
        Assert.Contains("ends after 65536", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("images", false)]
    [InlineData("images.gz", true)]
    [InlineData("images", true)]
    public void Raw_and_packed_files_give_the_same_array(string name, bool packed)
    {
        IdxArray array = IdxReader.Read(new MemoryStream(packed ? Gzip(TwoImages) : TwoImages), name, 3);
        Assert.Equal([2, 2, 3], array.Extents);
        Assert.Equal(TwoImages[16..], array.Data);
    }

    [Fact]
    public void A_large_packed_file_is_read_whole()
    {
        byte[] file = Idx(0x801, [1_000_003], 1_000_003);
        Assert.Equal(file[8..], IdxReader.Read(new MemoryStream(Gzip(file)), "labels.gz", 1).Data);
    }

    [Fact]
    public void What_is_no_file_gets_one_line()
    {
        foreach (string path in (string[])["/no/such/file", Path.GetTempPath()])
        {
            InputException error = Assert.Throws<InputException>(() => IdxReader.Read(path, 1));
            Assert.Contains("cannot be read", error.Message, StringComparison.Ordinal);
        }
    }

    internal static byte[] Idx(uint magic, int[] extents, int dataLength)
    {
        byte[] file = new byte[4 + (4 * extents.Length) + dataLength];
        BinaryPrimitives.WriteUInt32BigEndian(file, magic);
        for (int axis = 0; axis < extents.Length; axis++)
        {
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4 + (4 * axis)), extents[axis]);
        }
        // Random, so that gzip cannot pack it to nothing.
        new Random(1).NextBytes(file.AsSpan(file.Length - dataLength));
        return file;
    }

    internal static byte[] Gzip(byte[] content)
    {
        using MemoryStream file = new();
        using (GZipStream packing = new(file, CompressionLevel.SmallestSize))
        {
            packing.Write(content);
        }
        return file.ToArray();
    }

    private static byte[] Flip(byte[] file, Index position)
    {
        file[position] ^= 0x10;
        return file;
    }
}
