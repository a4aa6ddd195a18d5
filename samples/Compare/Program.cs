namespace MiniGrad.Samples.Compare;

/// <summary>
/// Compares normalization schemes: <c>mlp</c> and <c>lstm</c> train with each, <c>invariance</c> measures Table 1 of the paper.
/// </summary>
internal static class Program
{
    private const string DefaultVerb = "mlp";
    private const string Footer = "Without a verb, mlp is run; options: mlp --help, lstm --help.";

    /// <summary>The exit code of a run that Ctrl-C ended: 128 + SIGINT, as shells have it.</summary>
    public const int Interrupted = 130;

    private static int Main(string[] args)
    {
        using CancellationTokenSource stop = new();
        using IDisposable signals = SampleHost.StopOnCtrlC(stop);
        return Run(args, Console.Out, Console.Error, stop.Token);
    }

    /// <summary>The whole program, for tests too.</summary>
    /// <returns>The exit code: 0, 1 when something is wrong, or <see cref="Interrupted"/>.</returns>
    public static int Run(string[] args, TextWriter output, TextWriter error, CancellationToken stop) => SampleHost.Run(error, () =>
    {
        bool hasVerb = args is ["--help" or "--version", ..] || (args.Length > 0 && !args[0].StartsWith('-'));
        string[] withVerb = hasVerb ? args : [DefaultVerb, .. args];
        return SampleHost.ParseVerb(withVerb, output, Footer, typeof(MlpOptions), typeof(LstmOptions), typeof(InvarianceOptions)) switch
        {
            MlpOptions options => new CompareCommand(MlpSettings.From(options), options, output).Run(stop),
            LstmOptions options => new CompareCommand(LstmSettings.From(options), options, output).Run(stop),
            InvarianceOptions options => InvarianceCommand.Run(options, output),
            _ => 0,
        };
    });
}
