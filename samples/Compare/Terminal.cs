using Spectre.Console;

namespace MiniGrad.Samples.Compare;

/// <summary>Opens a writer as a console for tables and progress.</summary>
internal static class Terminal
{
    private const int WidthOfFiles = 160;

    /// <summary>A console on <paramref name="output"/>: with colours and progress bars only if it is the terminal itself.</summary>
    public static IAnsiConsole Open(TextWriter output)
    {
        bool terminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = terminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!terminal)
        {
            console.Profile.Width = WidthOfFiles;
        }
        return console;
    }
}
