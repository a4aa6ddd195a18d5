using System.Text.RegularExpressions;

namespace MiniGrad.Cuda.Tests;

/// <summary>docs/06-cuda.md shows what the product makes.</summary>
[Trait(SoftwareDeviceTest.Needs, "repository")]
public partial class PageTests
{
    private static readonly string Root = FindRoot(AppContext.BaseDirectory);

    private static string Page => File.ReadAllText(Path.Combine(Root, "docs", "06-cuda.md")).ReplaceLineEndings("\n");

    [Fact]
    public void The_kernel_on_the_page_is_the_one_that_tanh_becomes() =>
        Assert.Contains(Kernel().Match(Page).Groups["text"].Value, KernelSources.Of<float>("TanhOp")!, StringComparison.Ordinal);

    private static string FindRoot(string directory) =>
        File.Exists(Path.Combine(directory, "MiniGrad.sln")) ? directory : FindRoot(Path.GetDirectoryName(directory)!);

    [GeneratedRegex("```cuda\n(?<text>.+?)```", RegexOptions.Singleline)]
    private static partial Regex Kernel();
}
