namespace MiniGrad.Samples.Tests;

/// <summary>What a sample's program did, run in this process.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    public static CommandRun Of(Func<TextWriter, TextWriter, int> program)
    {
        using StringWriter output = new(), error = new();
        int exitCode = program(output, error);
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }

    public void RequireSuccess()
    {
        Assert.Equal("", Error);
        Assert.Equal(0, ExitCode);
    }

    /// <summary>Failed with one line that says this, and no stack trace.</summary>
    public void RequireRefusal(string expected)
    {
        Assert.Equal(1, ExitCode);
        Assert.StartsWith("error: ", Error, StringComparison.Ordinal);
        Assert.Contains(expected, Error, StringComparison.Ordinal);
        Assert.Equal(Error.Length - Environment.NewLine.Length, Error.IndexOf(Environment.NewLine, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
    }
}
