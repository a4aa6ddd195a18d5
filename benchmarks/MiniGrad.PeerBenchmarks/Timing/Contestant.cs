using System.Diagnostics;

namespace MiniGrad.PeerBenchmarks;

/// <summary>One way of doing a case: MiniGrad, a peer, or a bare loop that shows the machine's limit.</summary>
internal abstract class Contestant(string name) : IDisposable
{
    public string Name => name;

    /// <summary>Why it takes no part; null if it does.</summary>
    public virtual string? Absence => null;

    /// <summary>Compares the result of one step with an independent computation.</summary>
    /// <exception cref="WrongResultException">They differ by more than rounding explains.</exception>
    public virtual void Verify()
    {
    }

    /// <summary>Gets everything compiled and cached that steps will use.</summary>
    public abstract void WarmUp(double milliseconds);

    /// <summary>Does steps for about this long and returns samples of the time of one, in microseconds.</summary>
    public abstract IReadOnlyList<double> TakeTurn(double milliseconds);

    public abstract void Dispose();
}

/// <summary>A peer that is not installed, or whose result was wrong: its row says so.</summary>
internal sealed class AbsentContestant(string name, string reason) : Contestant(name)
{
    public override string? Absence => reason;

    public override void WarmUp(double milliseconds)
    {
    }

    public override IReadOnlyList<double> TakeTurn(double milliseconds) => [];

    public override void Dispose()
    {
    }
}

/// <summary>A contestant in this process.</summary>
/// <param name="name">As in the rows.</param>
/// <param name="step">What is timed.</param>
internal sealed class LocalContestant(string name, Action step) : Contestant(name)
{
    // The clock takes some 25 ns, so a sample of this length is off by a thousandth.
    private const double MicrosecondsPerSample = 25;
    private const int LeastSamples = 3;

    private int stepsPerSample = 1;

    /// <summary>What the time of a step is divided by: the ops of a chain, or how often a limit's step does the work of the case.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Throws <see cref="WrongResultException"/> if the last step computed something else than it should.</summary>
    public Action? Check { get; init; }

    /// <summary>Frees what the step uses.</summary>
    public Action? Release { get; init; }

    public override void Verify()
    {
        step();
        Check?.Invoke();
    }

    public override void WarmUp(double milliseconds)
    {
        long start = Stopwatch.GetTimestamp();
        int steps = 0;
        do
        {
            step();
            steps++;
        }
        while (Elapsed(start) < milliseconds * 1000);
        // Measured again: the steps above ran slow code at first.
        start = Stopwatch.GetTimestamp();
        int again = Math.Min(steps, 100);
        for (int i = 0; i < again; i++)
        {
            step();
        }
        stepsPerSample = (int)Math.Clamp(MicrosecondsPerSample * again / Elapsed(start), 1, 10_000);
    }

    public override IReadOnlyList<double> TakeTurn(double milliseconds)
    {
        List<double> samples = [];
        step(); // wakes its threads and fills the caches
        long turn = Stopwatch.GetTimestamp();
        do
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < stepsPerSample; i++)
            {
                step();
            }
            samples.Add(Elapsed(start) / (stepsPerSample * Scale));
        }
        while (samples.Count < LeastSamples || Elapsed(turn) < milliseconds * 1000);
        return samples;
    }

    public override void Dispose() => Release?.Invoke();

    private static double Elapsed(long start) => Stopwatch.GetElapsedTime(start).TotalMicroseconds;
}
