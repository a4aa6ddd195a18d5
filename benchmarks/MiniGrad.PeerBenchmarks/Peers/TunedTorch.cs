using System.Diagnostics;
using System.Globalization;

namespace MiniGrad.PeerBenchmarks;

/// <summary>
/// libtorch at its best, in a child process: its memory is kept (by default large results are mapped, faulted in and unmapped every
/// time), and <c>mkl-avx512.c</c> is preloaded, which only a new process can have.
/// </summary>
/// <remarks>
/// The child runs this program with --serve and takes its turns on request, one line each way:
/// <code>
/// case NAME    -> ready, or wrong REASON      makes libtorch's contestant, checks it and warms it up
/// turn MS      -> microseconds ...            samples of one turn
/// end          -> done                        frees the contestant
/// </code>
/// The end of its input ends it.
/// </remarks>
internal sealed class TunedTorch : IDisposable
{
    public const string Name = "torch+tuned";

    private readonly Options options;
    private Process? child;
    private string? absence;

    public TunedTorch(Options options) => this.options = options;

    /// <summary>What the child has used of the processors so far.</summary>
    public TimeSpan ProcessorTime => child?.TotalProcessorTime ?? TimeSpan.Zero;

    /// <summary>Makes the child ready for a case.</summary>
    public Contestant Enter(PeerCase peerCase)
    {
        Start();
        if (absence is not null)
        {
            return new AbsentContestant(Name, absence);
        }
        string answer = Ask($"case {peerCase.Name}");
        return answer == "ready" ? new RemoteContestant(this) : new AbsentContestant(Name, answer);
    }

    public void Dispose()
    {
        if (child is not null)
        {
            child.StandardInput.Close();
            child.WaitForExit();
            child.Dispose();
        }
    }

    private void Start()
    {
        if (child is not null || absence is not null)
        {
            return;
        }
        string folder = AppContext.BaseDirectory, library = Path.Combine(folder, "mkl-avx512.so");
        if (!CompilePreload(Path.Combine(folder, "mkl-avx512.c"), library))
        {
            absence = "gcc is needed for the preload, and is missing or failed";
            return;
        }
        ProcessStartInfo start = new(
            Path.Combine(folder, typeof(TunedTorch).Assembly.GetName().Name!), ["--serve", "--threads", $"{options.Threads}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["LD_PRELOAD"] = library;
        child = Process.Start(start);
    }

    private static bool CompilePreload(string source, string library)
    {
        try
        {
            using Process gcc = Process.Start("gcc", ["-O2", "-shared", "-fPIC", source, "-o", library]);
            gcc.WaitForExit();
            return gcc.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private string Ask(string question)
    {
        child!.StandardInput.WriteLine(question);
        child.StandardInput.Flush();
        return child.StandardOutput.ReadLine()
            ?? throw new InvalidOperationException($"The process of {Name} ended when it was asked: {question}");
    }

    /// <summary>The contestant that the child holds.</summary>
    private sealed class RemoteContestant(TunedTorch owner) : Contestant(TunedTorch.Name)
    {
        public override void WarmUp(double milliseconds)
        {
        }

        public override IReadOnlyList<double> TakeTurn(double milliseconds) =>
            [.. owner.Ask(string.Create(CultureInfo.InvariantCulture, $"turn {milliseconds}"))
                .Split(' ').Select(sample => double.Parse(sample, CultureInfo.InvariantCulture))];

        public override void Dispose() => owner.Ask("end");
    }
}
