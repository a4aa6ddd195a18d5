using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace MiniGrad.GoldenGenerator;

/// <summary>
/// Loads TorchSharp's native library where the C++ runtime is older than the one it was linked with.
/// </summary>
/// <remarks>
/// TorchSharp 0.107.0 requires version GLIBCXX_3.4.32 of libstdc++ (GCC 13), for a marker symbol that nothing calls. Distributions
/// with GCC 12 lack that version, and their loader refuses the whole library. ELF can say that a version is wanted but not needed
/// (VER_FLG_WEAK); this sets that flag in the copy of the library in the output folder.
/// </remarks>
internal static class NativeLoader
{
    private const string MissingVersion = "GLIBCXX_3.4.32";
    private const int SectionOfVersionNeeds = 0x6ffffffe;
    private const byte WeakFlag = 2;

    /// <summary>Loads the library; later uses by TorchSharp find it loaded.</summary>
    public static void Load()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "runtimes/linux-x64/native/libLibTorchSharp.so");
        if (NativeLibrary.TryLoad(path, out _))
        {
            return;
        }
        byte[] image = File.ReadAllBytes(path);
        MakeWeak(image, MissingVersion);
        // A new file, since the package's own may be the target of a link.
        File.Delete(path);
        File.WriteAllBytes(path, image);
        NativeLibrary.Load(path);
    }

    /// <summary>Flags every requirement of <paramref name="version"/> in a 64-bit little-endian ELF image as weak.</summary>
    /// <remarks>
    /// Section headers: start at 0x28, their size and number at 0x3a and 0x3c.
    /// Of a header: type at 4, file offset at 24, linked section at 40.
    /// Of a needed library (Verneed): number of versions at 2, distance to the first at 8, to the next library at 12.
    /// Of a needed version (Vernaux): flags at 4, name at 8 (in the linked string section), distance to the next at 12.
    /// </remarks>
    private static void MakeWeak(byte[] image, string version)
    {
        int sections = (int)Int64(0x28), size = UInt16(0x3a), count = UInt16(0x3c);
        for (int i = 0; i < count; i++)
        {
            int section = sections + (i * size);
            if (Int32(section + 4) != SectionOfVersionNeeds)
            {
                continue;
            }
            int strings = (int)Int64(sections + (Int32(section + 40) * size) + 24);
            int library = (int)Int64(section + 24), step;
            do
            {
                int needed = library + Int32(library + 8);
                for (int left = UInt16(library + 2); left > 0; left--)
                {
                    if (Text(strings + Int32(needed + 8)) == version)
                    {
                        image[needed + 4] |= WeakFlag;
                    }
                    needed += Int32(needed + 12);
                }
                step = Int32(library + 12);
                library += step;
            }
            while (step != 0);
        }

        int UInt16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(image.AsSpan(at));
        int Int32(int at) => BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(at));
        long Int64(int at) => BinaryPrimitives.ReadInt64LittleEndian(image.AsSpan(at));
        string Text(int at) => Encoding.ASCII.GetString(image, at, Array.IndexOf<byte>(image, 0, at) - at);
    }
}
