using System.Text.Json;
using System.Text.Json.Serialization;

namespace MiniGrad.Ops.Tests.Golden;

/// <summary>One computation by libtorch: what went in, what came out, and gradients. Written by the generator, read by the tests.</summary>
/// <remarks>Numbers have as many digits as bring back the same bits; float32 cases hold what libtorch computed in float32.</remarks>
public sealed record GoldenCase
{
    /// <summary>What the case is about; unique in its file together with <see cref="Type"/>.</summary>
    public required string Name { get; init; }

    /// <summary>The op to run, by the name that the tests know it by.</summary>
    public required string Op { get; init; }

    /// <summary><c>float64</c> or <c>float32</c>.</summary>
    public required string Type { get; init; }

    /// <summary>The optimizer of a training case.</summary>
    public string? Optimizer { get; init; }

    /// <summary>Numbers that are no tensors: axes, slopes, rates. Switches are 0 or 1.</summary>
    public Dictionary<string, double[]> Arguments { get; init; } = [];

    /// <summary>Class labels, one per row.</summary>
    public int[] Labels { get; init; } = [];

    /// <summary>The tensors that go in, in the order in which the op takes them.</summary>
    public List<GoldenTensor> Inputs { get; init; } = [];

    /// <summary>Results beside each other; the gradients are those of the first.</summary>
    public List<GoldenTensor> Outputs { get; init; } = [];

    /// <summary>The gradient of some loss by the first output; empty where none is recorded.</summary>
    public double[] Cotangent { get; init; } = [];

    /// <summary>The gradients by those inputs that have one, under the inputs' names.</summary>
    public List<GoldenTensor> Gradients { get; init; } = [];

    /// <summary>The first number of an argument.</summary>
    public double Argument(string name) => Arguments[name][0];

    /// <summary>The axes of a reduction.</summary>
    [JsonIgnore]
    public int[] Axes => [.. Arguments["axes"].Select(axis => (int)axis)];

    /// <summary>Whether a switch is on; it is off if it was not recorded.</summary>
    public bool IsSet(string name) => Arguments.TryGetValue(name, out double[]? value) && value[0] != 0;

    /// <summary>The input of this name.</summary>
    public GoldenTensor Input(string name) => Inputs.Single(tensor => tensor.Name == name);

    /// <summary>The output of this name.</summary>
    public GoldenTensor Output(string name) => Outputs.Single(tensor => tensor.Name == name);
}

/// <summary>A named array, row-major.</summary>
/// <param name="Name">What it is in the op's formula.</param>
/// <param name="Shape">Its extents.</param>
/// <param name="Values">Its elements; a float32 element is the shortest decimal that rounds to it.</param>
public sealed record GoldenTensor(string Name, int[] Shape, double[] Values);

/// <summary>A file of cases: a JSON array with one case per line, so that a changed case is a changed line.</summary>
public static class GoldenFile
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>Writes the cases in their order.</summary>
    public static void Write(string path, IEnumerable<GoldenCase> cases) =>
        File.WriteAllText(path, $"[\n{string.Join(",\n", cases.Select(c => JsonSerializer.Serialize(c, Options)))}\n]\n");

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static GoldenCase[] Read(Stream stream) => JsonSerializer.Deserialize<GoldenCase[]>(stream, Options)!;
}
