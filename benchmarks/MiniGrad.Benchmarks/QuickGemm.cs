using System.Globalization;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Benchmarks;

/// <summary>
/// Times every product on one thread, taking turns with the peak loop. Counts the process's processor time, so that other work on the
/// machine disturbs little: it shares caches and memory, but its time slices do not count.
/// </summary>
internal static class QuickGemm
{
    private const int Turns = 15;
    private const double SecondsPerTurn = 0.002;

    private static float sink;

    /// <summary>Times the products whose names contain <paramref name="filter"/>; false if there are none.</summary>
    public static bool Run(string filter)
    {
        GemmShape[] shapes = [.. GemmShape.All.Where(shape => shape.Name.Contains(filter, StringComparison.Ordinal))];
        if (shapes.Length == 0)
        {
            string names = string.Join(", ", GemmShape.All.Select(shape => shape.Name));
            Console.Error.WriteLine($"--quick {filter}: no product has this in its name; there are {names}.");
            return false;
        }
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        bool is512 = SimdSupport.Default == SimdWidth.Bits512;
        Console.WriteLine($"{backend.Name}; GFLOP/s; best and median of {Turns} turns");
        Console.WriteLine($"{"product",-20}{"best",8}{"median",8}{"peak",8}{"% best",8}{"% in turn",10}{"us best",10}");
        foreach (GemmShape shape in shapes)
        {
            using Scratch<float> memory = backend.Pool.RentScratch<float>(shape.Elements);
            backend.Fill(memory.Buffer, 0.5f);
            GemmCall<float> call = shape.Call(memory.Buffer);
            List<double> product = [], peak = [];
            for (int turn = 0; turn < Turns; turn++)
            {
                product.Add(shape.Flops * 1e-9 / Seconds(() => backend.Gemm(call)));
                peak.Add((is512 ? PeakLoop.Flops512(20_000) : PeakLoop.Flops256(20_000)) * 1e-9
                    / Seconds(() => sink += is512 ? PeakLoop.Run512(20_000, sink) : PeakLoop.Run256(20_000, sink)));
            }
            // Of the peak in the same turn: the clock, too, depends on what else runs.
            double percentInTurn = 100 * Median([.. product.Zip(peak, (rate, limit) => rate / limit)]);
            double best = product.Max(), median = Median(product), top = peak.Max();
            double percent = 100 * best / top, microseconds = shape.Flops * 1e-3 / best;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{shape.Name,-20}{best,8:F1}{median,8:F1}{top,8:F1}{percent,8:F1}{percentInTurn,10:F1}{microseconds,10:F1}"));
        }
        return true;
    }

    private static double Seconds(Action action)
    {
        double start = ProcessorSeconds(), seconds;
        int calls = 0, until = 1;
        do
        {
            // The clock is read ever more rarely: it costs as much as a small product.
            for (; calls < until; calls++)
            {
                action();
            }
            until *= 2;
            seconds = ProcessorSeconds() - start;
        }
        while (seconds < SecondsPerTurn);
        return seconds / calls;
    }

    private static double ProcessorSeconds() => Environment.CpuUsage.TotalTime.TotalSeconds;

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
