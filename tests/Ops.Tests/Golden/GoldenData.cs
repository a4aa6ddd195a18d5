using System.Collections.Concurrent;
using System.Numerics;

namespace MiniGrad.Ops.Tests.Golden;

/// <summary>The recorded files, which are embedded in this assembly (see tests/Golden/README.md).</summary>
internal static class GoldenData
{
    private static readonly ConcurrentDictionary<string, GoldenCase[]> Files = new();

    /// <summary>One row per case of the files: file, type and name, which <see cref="Find"/> takes.</summary>
    public static IEnumerable<TheoryDataRow<string, string, string>> Rows(params string[] files) =>
        from file in files from golden in Read(file) select new TheoryDataRow<string, string, string>(file, golden.Type, golden.Name);

    /// <summary>The case of a row.</summary>
    public static GoldenCase Find(string file, string type, string name) =>
        Read(file).Single(golden => golden.Type == type && golden.Name == name);

    private static GoldenCase[] Read(string file) => Files.GetOrAdd(file, static file =>
    {
        using Stream stream = typeof(GoldenData).Assembly.GetManifestResourceStream($"Golden/{file}.json")
            ?? throw new FileNotFoundException($"The test assembly embeds no Golden/{file}.json.");
        return GoldenFile.Read(stream);
    });
}

/// <summary>Recorded numbers in the type of a test.</summary>
internal static class GoldenElements
{
    public static T[] Elements<T>(this GoldenTensor tensor)
        where T : unmanaged, IFloatingPointIeee754<T> => [.. tensor.Values.Select(T.CreateTruncating)];
}
