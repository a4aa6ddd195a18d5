using System.Diagnostics;
using MiniGrad.Backends;

namespace MiniGrad.GpuBenchmarks;

/// <summary>What was measured.</summary>
/// <param name="Name">The same as in torch_anchors.py.</param>
/// <param name="Microseconds">The median time of one run.</param>
/// <param name="Bytes">What it has to read and write at least; 0 where that is not the limit.</param>
/// <param name="ManagedBytes">What one run allocates on the managed heap.</param>
/// <param name="FirstSeconds">How long the first run took, which compiles kernels.</param>
internal readonly record struct Timing(string Name, double Microseconds, long Bytes, long ManagedBytes, double FirstSeconds);

/// <summary>Times queued work from one wait to the next, several runs at a time, so that neither launching nor waiting counts.</summary>
internal sealed class Clock(IBackend<float> backend, int turns)
{
    private const int RunsPerTurn = 10;

    /// <summary>The median over the turns, after two to warm up and compile.</summary>
    public Timing Time(string name, long bytes, Action run)
    {
        using Scratch<float> probe = backend.Pool.RentScratch<float>(1);
        Wait(probe.Buffer);
        long first = Stopwatch.GetTimestamp();
        run();
        Wait(probe.Buffer);
        double firstSeconds = Stopwatch.GetElapsedTime(first).TotalSeconds;

        double[] times = new double[turns];
        long managed = long.MaxValue;
        for (int turn = -2; turn < turns; turn++)
        {
            Wait(probe.Buffer);
            long start = Stopwatch.GetTimestamp(), allocated = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < RunsPerTurn; i++)
            {
                run();
            }
            Wait(probe.Buffer);
            if (turn >= 0)
            {
                // The least, since the runtime may allocate while it recompiles a hot method; a run that allocates does so in each turn.
                managed = Math.Min(managed, (GC.GetAllocatedBytesForCurrentThread() - allocated) / RunsPerTurn);
                times[turn] = Stopwatch.GetElapsedTime(start).TotalMicroseconds / RunsPerTurn;
            }
        }
        Array.Sort(times);
        return new Timing(name, times[turns / 2], bytes, managed, firstSeconds);
    }

    private void Wait(DeviceBuffer<float> probe)
    {
        float value = 0;
        backend.Download(probe, new Span<float>(ref value));
    }
}
