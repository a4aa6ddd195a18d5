using System.Reflection;
using System.Text.RegularExpressions;

namespace MiniGrad.Cuda.Tests;

/// <summary>
/// The struct Arguments of each fused kernel against the fields of its C# struct: same names, same order. The compiler checks the size.
/// </summary>
public partial class KernelLayoutTests
{
    public static TheoryData<string> Kernels => [.. KernelSources.FusedKernels<float>().Where(kernel => KernelSources.DeviceSource<float>(kernel) is not null)
        .Select(kernel => kernel.Name).Distinct()];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Arguments_are_the_fields_in_their_order(string name)
    {
        Type kernel = KernelSources.FusedKernels<float>().First(found => found.Name == name);
        string arguments = Arguments().Match(KernelSources.DeviceSource<float>(kernel)!).Groups["fields"].Value;
        string[] declared = [.. arguments.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(declaration => declaration.Split(',').Select(part => Normalize(part.Split(' ', '>')[^1])))];
        string[] fields = [.. kernel.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public).OrderBy(field => field.MetadataToken)
            .Select(field => Normalize(field.Name))];
        Assert.Equal(fields, declared);
    }

    [Fact]
    public void Every_fused_kernel_has_a_source_for_devices()
    {
        string[] without = [.. KernelSources.FusedKernels<float>().Where(kernel => KernelSources.DeviceSource<float>(kernel) is null)
            .Select(kernel => kernel.Name.Split('`')[0]).Distinct().Order()];
        Assert.SkipWhen(without.Length > 0, $"Only a processor can run {string.Join(", ", without)}.");
    }

    /// <summary>perRow, per_row and the field behind a primary constructor's parameter or a property are one name.</summary>
    private static string Normalize(string name) =>
        FieldOf().Match(name).Groups["name"].Value.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();

    [GeneratedRegex(@"struct Arguments\s*\{(?<fields>[^}]*)\}")]
    private static partial Regex Arguments();

    [GeneratedRegex(@"^\s*<?(?<name>\w+)")]
    private static partial Regex FieldOf();
}
