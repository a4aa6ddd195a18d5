using System.Reflection;
using System.Text.RegularExpressions;

namespace MiniGrad.Cuda.Tests;

/// <summary>
/// The struct Arguments of each fused kernel, and structs among its fields, against the C# structs: same names, same order. The compiler
/// checks the size.
/// </summary>
public partial class KernelLayoutTests
{
    public static TheoryData<string> Kernels => [.. KernelSources.FusedKernels<float>()
        .Where(kernel => KernelSources.DeviceSource<float>(kernel) is not null).Select(kernel => kernel.Name).Distinct()];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Arguments_are_the_fields_in_their_order(string name)
    {
        Type kernel = KernelSources.FusedKernels<float>().First(found => found.Name == name);
        AssertSame(kernel, "Arguments", KernelSources.DeviceSource<float>(kernel)!);
    }

    [Fact]
    public void Every_fused_kernel_has_a_source_for_devices()
    {
        string[] without = [.. KernelSources.FusedKernels<float>().Where(kernel => KernelSources.DeviceSource<float>(kernel) is null)
            .Select(kernel => kernel.Name.Split('`')[0]).Distinct().Order()];
        Assert.Empty(without);
    }

    /// <summary>Compares the fields of a struct, and those of structs among them.</summary>
    private static void AssertSame(Type type, string name, string source)
    {
        Match text = Regex.Match(source, $@"struct {name}\s*\{{(?<fields>[^}}]*)\}}");
        Assert.True(text.Success, $"The source has no struct {name}.");
        (string Type, string Name)[] declared = [.. text.Groups["fields"].Value
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).SelectMany(Declared)];
        FieldInfo[] fields = [.. type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public)
            .OrderBy(field => field.MetadataToken)];
        Assert.Equal(fields.Select(field => Normalize(field.Name)), declared.Select(field => Normalize(field.Name)));
        foreach ((FieldInfo field, (string declaredType, _)) in fields.Zip(declared))
        {
            bool isView = field.FieldType.Name is "DeviceBuffer`1" or "GradientSink`1"; // The prelude has these, under other names.
            if (field.FieldType is { IsValueType: true, IsPrimitive: false, IsEnum: false } && !isView)
            {
                AssertSame(field.FieldType, declaredType, source);
            }
        }
    }

    private static IEnumerable<(string Type, string Name)> Declared(string declaration)
    {
        string[] names = declaration.Split(',', StringSplitOptions.TrimEntries);
        int end = names[0].LastIndexOf(' ');
        string type = names[0][..end];
        names[0] = names[0][(end + 1)..];
        return names.Select(name => (type, name));
    }

    /// <summary>perRow, per_row and the field behind a primary constructor's parameter or a property are one name.</summary>
    private static string Normalize(string name) =>
        FieldOf().Match(name).Groups["name"].Value.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();

    [GeneratedRegex(@"^\s*<?(?<name>\w+)")]
    private static partial Regex FieldOf();
}
