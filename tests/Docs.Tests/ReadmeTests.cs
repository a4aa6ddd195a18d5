using System.Text.RegularExpressions;

namespace MiniGrad.Docs.Tests;

/// <summary>What the README says is what the repository holds.</summary>
public partial class ReadmeTests
{
    /// <summary>The README and the chapters.</summary>
    public static TheoryData<string> Pages =>
        ["README.md", .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Select(file => $"docs/{Path.GetFileName(file)}")];

    [Theory]
    [InlineData("tape")]
    [InlineData("check")]
    [InlineData("lstm")]
    public void A_program_in_the_readme_is_the_one_that_is_tested(string name)
    {
        string source = Repository.Read("tests/Docs.Tests/ReadmeSnippets.cs");
        string start = $"        // <{name}>\n", end = $"        // </{name}>\n";
        string[] lines = source[(source.IndexOf(start, StringComparison.Ordinal) + start.Length)..source.IndexOf(end, StringComparison.Ordinal)].Split('\n');
        string snippet = string.Join('\n', lines.Select(line => line.Length > 8 ? line[8..] : line));
        Assert.Contains($"```csharp\n{snippet}```", Repository.Readme, StringComparison.Ordinal);
    }

    [Fact]
    public void The_op_in_the_readme_is_the_file_in_the_repository() =>
        Assert.Contains($"```csharp\n{Repository.Read("src/Ops/Elementwise/Silu.cs")}```", Repository.Readme, StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_file_a_page_links_to_is_there(string page)
    {
        List<string> links = [.. Link().Matches(Repository.Read(page)).Select(match => match.Groups[1].Value).Where(link => !link.Contains("://", StringComparison.Ordinal))];
        Assert.NotEmpty(links);
        string folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;
        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(folder, link)), $"{page} links to {link}, which is not there."));
    }

    [GeneratedRegex(@"\]\(([^)#]+)\)")]
    private static partial Regex Link();
}
