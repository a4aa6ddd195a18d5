using System.Diagnostics;
using System.Globalization;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Benchmarks;

/// <summary>
/// What a parallel job costs before it computes anything: an empty job that stays on the caller's thread, one that is shared, and how long
/// the other thread takes to begin, straight after another job and after a rest in which it fell asleep.
/// </summary>
internal static class QuickWorkers
{
    private const int Samples = 300, JobsPerSample = 100;

    public static void Run()
    {
        using IBackend<float> backend = CpuBackend.Create<float>(2);
        Console.WriteLine($"{backend.Name}; nanoseconds, least and median");
        Report("empty job of 1 chunk", () => NanosecondsPerJob(backend, chunks: 1));
        Report("empty job of 2 chunks", () => NanosecondsPerJob(backend, chunks: 2));
        Report("empty job of 16 chunks", () => NanosecondsPerJob(backend, chunks: 16));
        Report("begin on another thread", () => NanosecondsToBegin(backend, rest: false));
        Report("the same, asleep", () => NanosecondsToBegin(backend, rest: true));
    }

    private static double NanosecondsPerJob(IBackend<float> backend, int chunks)
    {
        long start = Stopwatch.GetTimestamp();
        for (int job = 0; job < JobsPerSample; job++)
        {
            backend.Run(default(Nothing), chunks, 1);
        }
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / JobsPerSample;
    }

    /// <summary>Each of two chunks waits for the other to begin, so that two threads must take part.</summary>
    private static double NanosecondsToBegin(IBackend<float> backend, bool rest)
    {
        if (rest)
        {
            Thread.Sleep(1);
        }
        else
        {
            backend.Run(default(Meeting), 2, 1);
        }
        Meeting.Arrived = 0;
        Meeting.Caller = Environment.CurrentManagedThreadId;
        long start = Stopwatch.GetTimestamp();
        backend.Run(default(Meeting), 2, 1);
        return Stopwatch.GetElapsedTime(start, Meeting.Begun).TotalNanoseconds;
    }

    private static void Report(string what, Func<double> measure)
    {
        double[] times = [.. Enumerable.Range(0, Samples).Select(_ => measure()).Order()];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-26}{times[0],10:F0}{times[Samples / 2],10:F0}"));
    }

    private readonly struct Nothing : IKernel<float>
    {
        public void Run<V>(int first, int end, int chunk)
            where V : struct, ISimd<V, float>
        {
        }
    }

    private readonly struct Meeting : IKernel<float>
    {
        public static int Arrived;
        public static int Caller;
        public static long Begun;

        public void Run<V>(int first, int end, int chunk)
            where V : struct, ISimd<V, float>
        {
            if (Environment.CurrentManagedThreadId != Caller)
            {
                Begun = Stopwatch.GetTimestamp();
            }
            Interlocked.Increment(ref Arrived);
            while (Volatile.Read(ref Arrived) < 2)
            {
                Thread.SpinWait(1);
            }
        }
    }
}
