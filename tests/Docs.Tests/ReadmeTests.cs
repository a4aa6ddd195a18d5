using System.Text.RegularExpressions;

namespace MiniGrad.Docs.Tests;

/// <summary>What the README says is what the repository holds.</summary>
public partial class ReadmeTests
{
    /// <summary>The README, the chapters, and what the samples and benchmarks say of themselves.</summary>
    public static TheoryData<string> Pages => ["README.md", .. from folder in (string[])["docs", "samples", "benchmarks"]
        from file in Directory.GetFiles(Path.Combine(Repository.Root, folder), "*.md", SearchOption.AllDirectories)
        where Link().IsMatch(File.ReadAllText(file))
        select Path.GetRelativePath(Repository.Root, file)];

    [Theory]
    [InlineData("tape")]
    [InlineData("check")]
    [InlineData("lstm")]
    public void A_program_in_the_readme_is_the_one_that_is_tested(string name)
    {
        string source = Repository.Read("tests/Docs.Tests/ReadmeSnippets.cs");
        string start = $"        // <{name}>\n", end = $"        // </{name}>\n";
        int from = source.IndexOf(start, StringComparison.Ordinal) + start.Length;
        string[] lines = source[from..source.IndexOf(end, StringComparison.Ordinal)].Split('\n');
        string snippet = string.Join('\n', lines.Select(line => line.Length > 8 ? line[8..] : line));
        Assert.Contains($"```csharp\n{snippet}```", Repository.Readme, StringComparison.Ordinal);
    }

    [Fact]
    public void The_readme_lists_the_namespaces_its_programs_need()
    {
        string[] lines = Repository.Read("tests/Docs.Tests/ReadmeSnippets.cs").Split('\n');
        string usings = string.Join('\n', lines.TakeWhile(line => line.StartsWith("using ", StringComparison.Ordinal)));
        Assert.Contains($"```csharp\nusing MiniGrad;\n{usings}\n```", Repository.Readme, StringComparison.Ordinal);
    }

    [Fact]
    public void The_op_in_the_readme_is_the_file_in_the_repository() =>
        Assert.Contains($"```csharp\n{Repository.Read("src/Ops/Elementwise/Silu.cs")}```", Repository.Readme, StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_file_a_page_links_to_is_there(string page)
    {
        IEnumerable<string> links = Link().Matches(Repository.Read(page)).Select(match => match.Groups[1].Value);
        string folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;
        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(folder, link)), $"{page} links to {link}, which is not there."));
    }

    // Within the repository: an address has a colon.
    [GeneratedRegex(@"\]\(([^)#:]+)\)")]
    private static partial Regex Link();
}
