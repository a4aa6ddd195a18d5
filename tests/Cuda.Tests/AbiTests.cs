using System.Reflection;
using System.Text.RegularExpressions;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda.Tests;

/// <summary>
/// The imports against Abi.txt, a table of the C prototypes written apart from them: the software device would share a wrong belief about
/// a size, this table has to be wrong in the same place.
/// </summary>
public partial class AbiTests
{
    private static readonly Dictionary<string, Type> Types = new()
    {
        ["CUresult"] = typeof(int),
        ["CUdevice"] = typeof(int),
        ["CUdevice_attribute"] = typeof(int),
        ["nvrtcResult"] = typeof(int),
        ["cublasStatus_t"] = typeof(int),
        ["cublasOperation_t"] = typeof(int),
        ["cublasMath_t"] = typeof(int),
        ["int"] = typeof(int),
        ["unsigned int"] = typeof(uint),
        ["unsigned char"] = typeof(byte),
        ["char"] = typeof(byte),
        ["long long"] = typeof(long),
        ["unsigned long long"] = typeof(ulong),
        ["size_t"] = typeof(nuint),
        ["float"] = typeof(float),
        ["double"] = typeof(double),
        ["void"] = typeof(void),
        ["CUdeviceptr"] = typeof(ulong),
        ["CUcontext"] = typeof(nint),
        ["CUstream"] = typeof(nint),
        ["cudaStream_t"] = typeof(nint),
        ["CUevent"] = typeof(nint),
        ["CUmodule"] = typeof(nint),
        ["CUfunction"] = typeof(nint),
        ["CUgraph"] = typeof(nint),
        ["CUgraphExec"] = typeof(nint),
        ["CUstreamCaptureMode"] = typeof(int),
        ["CUstreamCaptureStatus"] = typeof(int),
        ["cuuint64_t"] = typeof(ulong),
        ["CUgraphNode"] = typeof(nint),
        ["CUDA_KERNEL_NODE_PARAMS"] = typeof(KernelNode),
        ["nvrtcProgram"] = typeof(nint),
        ["cublasHandle_t"] = typeof(nint),
    };

    private static readonly Dictionary<string, MethodInfo> Imports = new[] { typeof(Driver), typeof(Nvrtc), typeof(CuBlas) }
        .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
        .Where(method => method.Name.StartsWith("cu", StringComparison.Ordinal) ||
            method.Name.StartsWith("nvrtc", StringComparison.Ordinal))
        .ToDictionary(method => method.Name);

    private static IEnumerable<string> Lines => File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Abi.txt"))
        .Where(line => line.Length > 0 && !line.StartsWith('#'));

    /// <summary>The names of all entry points.</summary>
    public static IEnumerable<string> Names => Lines.Select(line => Prototype().Match(line).Groups["name"].Value);

    public static TheoryData<string> Prototypes => [.. Lines];

    [Theory]
    [MemberData(nameof(Prototypes))]
    public void An_import_has_the_types_of_the_C_function(string prototype)
    {
        Match match = Prototype().Match(prototype);
        MethodInfo import = Imports[match.Groups["name"].Value];
        Assert.Equal(Managed(match.Groups["result"].Value), import.ReturnType);
        string[] parameters = match.Groups["parameters"].Value.Split(", ");
        Assert.Equal(parameters.Select(Managed), import.GetParameters().Select(parameter => parameter.ParameterType));
    }

    [Fact]
    public void Every_import_is_in_the_table() =>
        Assert.Equal(Imports.Keys.Order(), Names.Order());

    /// <summary>const does not change how a value is passed; each star is a pointer.</summary>
    private static Type Managed(string c)
    {
        string name = c.Replace("const", "", StringComparison.Ordinal).Replace(" *", "*", StringComparison.Ordinal);
        Type type = Types[name.Replace("*", "", StringComparison.Ordinal).Trim()];
        return Enumerable.Range(0, name.Count(letter => letter == '*')).Aggregate(type, (pointed, _) => pointed.MakePointerType());
    }

    [GeneratedRegex(@"^(?<result>.+[ *])(?<name>\w+)\((?<parameters>.*)\)$")]
    private static partial Regex Prototype();
}
