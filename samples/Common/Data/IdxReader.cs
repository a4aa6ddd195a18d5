using System.Buffers.Binary;
using System.IO.Compression;

namespace MiniGrad.Samples;

/// <summary>An array of bytes as an IDX file holds it.</summary>
/// <param name="Extents">The extents, outermost first: count, rows, columns for images; count for labels.</param>
/// <param name="Data">The elements, row-major.</param>
public sealed record IdxArray(IReadOnlyList<int> Extents, byte[] Data);

/// <summary>
/// Reads IDX, the format of MNIST: four bytes 0, 0, the element type (8: unsigned byte) and the number of axes; each extent as a big-endian
/// 32-bit number; the elements. The file may be packed by gzip.
/// </summary>
/// <remarks>
/// The header is not believed until the file is seen to be long enough: a raw file's length is compared before anything is allocated, and a
/// packed file is read into a buffer that grows with what really comes out. So a broken file costs no more memory than its own content.
/// </remarks>
public static class IdxReader
{
    /// <summary>Deflate packs no more than 1032 bytes into one, so a larger claim is false without a look at the data.</summary>
    private const int LargestRatio = 1032;

    private const int FirstBuffer = 1 << 16;

    /// <summary>The array in a file, which must have this many axes: 3 for images, 1 for labels.</summary>
    /// <exception cref="InputException">There is no such file, or its content is not such an array.</exception>
    public static IdxArray Read(string path, int axes)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
            return stream.CanSeek
                ? Read(stream, path, axes)
                : throw new InputException($"{path}: is not a regular file, as an IDX file must be.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be read ({failure.Message.TrimEnd('.')}); an IDX file is needed there.");
        }
    }

    /// <summary>The array in a stream of known length.</summary>
    /// <param name="stream">The file's content from its start, raw or packed; its name ends in .gz only if packed.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="axes">How many axes the array must have.</param>
    /// <exception cref="InputException">The content is not such an array.</exception>
    public static IdxArray Read(Stream stream, string name, int axes)
    {
        Span<byte> start = stackalloc byte[2];
        bool packed = stream.ReadAtLeast(start, 2, throwOnEndOfStream: false) == 2 && start is [0x1f, 0x8b];
        stream.Position = 0;
        if (!packed)
        {
            return name.EndsWith(".gz", StringComparison.Ordinal)
                ? throw new InputException($"{name}: is not gzip, which begins with the bytes 1F 8B; pack it, or rename it without .gz.")
                : ReadArray(stream, name, axes, stream.Length, FirstBufferOfRaw);
        }
        try
        {
            using GZipStream unpacked = new(stream, CompressionMode.Decompress, leaveOpen: true);
            return ReadArray(unpacked, name, axes, stream.Length * LargestRatio, FirstBuffer);
        }
        catch (InvalidDataException failure)
        {
            throw new InputException($"{name}: is damaged gzip ({failure.Message.TrimEnd('.')}); fetch the file again.");
        }
    }

    /// <summary>A raw file's length has been compared with the header, so its buffer may be made at once.</summary>
    private const int FirstBufferOfRaw = int.MaxValue;

    private static IdxArray ReadArray(Stream stream, string name, int axes, long mostBytes, int firstBuffer)
    {
        int[] extents = ReadHeader(stream, name, axes);
        long size = 1;
        foreach (int extent in extents)
        {
            // Each factor is below 2^31 and the product so far is an array's length, so that this cannot overflow.
            size *= extent;
            if (extent <= 0 || size > Array.MaxLength)
            {
                throw new InputException(
                    $"{name}: claims absurd sizes, {Product(extents)} bytes; each is at least 1, the product at most {Array.MaxLength}.");
            }
        }
        int header = 4 * (axes + 1);
        if (header + size > mostBytes)
        {
            throw new InputException(
                $"{name}: is truncated: its header claims {Product(extents)} = {size} bytes after {header} of header, " +
                $"but the file can hold {mostBytes} at most. Fetch the file again.");
        }
        byte[] data = ReadData(stream, name, (int)size, firstBuffer);
        if (stream.ReadByte() >= 0)
        {
            throw new InputException(
                $"{name}: goes on after the {Product(extents)} = {size} bytes that its header claims; the file must end there.");
        }
        return new IdxArray(extents, data);
    }

    private static int[] ReadHeader(Stream stream, string name, int axes)
    {
        Span<byte> header = stackalloc byte[4 * (axes + 1)];
        int length = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        uint wanted = 0x800u + (uint)axes;
        uint magic = length >= 4 ? BinaryPrimitives.ReadUInt32BigEndian(header) : 0;
        if (length >= 4 && magic != wanted)
        {
            string kind = axes == 3 ? "images, of 3 axes" : axes == 1 ? "labels, of 1 axis" : $"arrays of {axes} axes";
            throw new InputException($"{name}: begins with 0x{magic:X8}; an IDX file of byte {kind}, begins with 0x{wanted:X8}.");
        }
        if (length < header.Length)
        {
            throw new InputException(
                $"{name}: is truncated: it ends after {length} bytes, within the IDX header of {header.Length}. Fetch the file again.");
        }
        int[] extents = new int[axes];
        for (int axis = 0; axis < axes; axis++)
        {
            // An extent of 2^31 or more comes out negative and is refused with the others below 1.
            extents[axis] = BinaryPrimitives.ReadInt32BigEndian(header[(4 * (axis + 1))..]);
        }
        return extents;
    }

    private static byte[] ReadData(Stream stream, string name, int size, int firstBuffer)
    {
        byte[] data = new byte[Math.Min(size, firstBuffer)];
        int filled = 0;
        while (filled < size)
        {
            if (filled == data.Length)
            {
                Array.Resize(ref data, (int)Math.Min(size, 2L * data.Length));
            }
            int read = stream.Read(data, filled, data.Length - filled);
            if (read == 0)
            {
                throw new InputException(
                    $"{name}: is truncated: its header claims {size} bytes of data, but it ends after {filled}. Fetch the file again.");
            }
            filled += read;
        }
        return data;
    }

    private static string Product(int[] extents) => string.Join(" x ", extents.Select(extent => (uint)extent));
}
