using CommandLine;

namespace MiniGrad.PeerBenchmarks;

/// <summary>What the program was asked for.</summary>
internal sealed class Options
{
    [Option("only", Separator = ',', HelpText = "Groups to run, separated by commas; all by default. A wrong name lists them.")]
    public IEnumerable<string> Only { get; set; } = [];

    [Option("case", Default = "", HelpText = "Run the cases whose name contains this text.")]
    public string Case { get; set; } = "";

    [Option("threads", Default = 1, HelpText = "Threads of MiniGrad and of every peer; with more than 1, MiniGrad on one is a peer too.")]
    public int Threads { get; set; } = 1;

    [Option("rounds", Default = 7, HelpText = "How often the contestants of a case take turns.")]
    public int Rounds { get; set; } = 7;

    [Option("ms", Default = 100.0, HelpText = "Milliseconds of each turn; three steps at least.")]
    public double Milliseconds { get; set; } = 100;

    [Option("json", HelpText = "Write the rows to this file, as one JSON array.")]
    public string? Json { get; set; }

    [Option("serve", Hidden = true, HelpText = "Be the tuned libtorch of another process, which writes to standard input.")]
    public bool Serve { get; set; }
}
