using System.Diagnostics;

namespace MiniGrad.PeerBenchmarks;

/// <summary>How busy other processes kept the machine since this was made: what to know before believing a table.</summary>
internal sealed class OtherLoad(Func<TimeSpan> own)
{
    // Linux counts processor time in hundredths of a second, whatever the kernel's own tick is.
    private const double SecondsPerTick = 0.01;

    private readonly double busyAtStart = Busy();
    private readonly TimeSpan ownAtStart = own();
    private readonly long start = Stopwatch.GetTimestamp();

    /// <summary>Processors used by others, on average.</summary>
    public double Cores
    {
        get
        {
            double others = Busy() - busyAtStart - (own() - ownAtStart).TotalSeconds;
            return Math.Max(0, others / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    /// <summary>Seconds of processor time that all processes used.</summary>
    /// <remarks>The first line of /proc/stat has user, nice, system, idle, wait, irq, softirq and steal.</remarks>
    private static double Busy()
    {
        string[] words = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double[] ticks = [.. words.Skip(1).Select(double.Parse)];
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) * SecondsPerTick;
    }
}
