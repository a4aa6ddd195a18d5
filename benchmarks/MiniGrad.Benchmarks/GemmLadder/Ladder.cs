using System.Diagnostics;
using System.Globalization;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>Runs every step of the ladder, compares it with three loops, and prints and draws how fast it is.</summary>
internal static unsafe class Ladder
{
    private const int N = 960, Turns = 40;
    private const double SecondsPerTurn = 0.01, SecondsPerStep = 2;
    private const double Flops = 2.0 * N * N * N;

    private static float sink;

    /// <summary>Prints the table and, unless <paramref name="picture"/> is null, writes the roofline to that PNG file.</summary>
    public static void Run(string? picture)
    {
        int threads = Environment.ProcessorCount;
        using Step7Product one = new(1), all = new(threads);
        LadderStep[] steps =
        [
            new Step1ThreeLoops(), new Step2RowOrder(), new Step3Vectors(), new Step4RegisterTile(), new Step5PackedPanels(),
            new Step6CacheBlocks(), one, .. threads > 1 ? [all] : Array.Empty<LadderStep>(),
        ];
        // As tensors are: large blocks lie in huge pages, where the system has them.
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        using Scratch<float> scratch = backend.Pool.RentScratch<float>(4 * N * N);
        float* memory = (float*)scratch.Buffer.Address;
        float* a = memory, b = a + (N * N), c = b + (N * N), expected = c + (N * N);
        Random random = new(1);
        for (int i = 0; i < 2 * N * N; i++)
        {
            memory[i] = (2 * random.NextSingle()) - 1;
        }
        steps[0].Multiply(N, a, b, expected);
        double[] seconds = new double[steps.Length], peaks = new double[Turns];
        for (int i = 0; i < steps.Length; i++)
        {
            new Span<float>(c, N * N).Fill(float.NaN);
            steps[i].Multiply(N, a, b, c);
            Check(steps[i], c, expected);
            seconds[i] = double.MaxValue;
        }
        // The steps take turns, so that whatever disturbs the machine disturbs all; the best time of each counts.
        for (int turn = 0; turn < Turns; turn++)
        {
            peaks[turn] = PeakLoop.Flops512(100_000) / Seconds(() => sink += PeakLoop.Run512(100_000, sink));
            for (int i = 0; i < steps.Length; i++)
            {
                if (turn * seconds[i] < SecondsPerStep)
                {
                    seconds[i] = Math.Min(seconds[i], Seconds(() => steps[i].Multiply(N, a, b, c)));
                }
            }
        }
        Report(steps, seconds, peaks.Max());
        if (picture != null)
        {
            Roofline roofline = new(peaks.Max(), [.. MemoryLoop.Measure()]);
            roofline.Save(picture, [.. steps.Zip(seconds, (step, time) => new RooflinePoint(step.Name, step.Intensity, Flops / time))]);
        }
    }

    private static void Check(LadderStep step, float* c, float* expected)
    {
        // Both are off by some 1e-7 sqrt(n); a missing term is about 1.
        double worst = 0;
        for (int i = 0; i < N * N; i++)
        {
            double error = Math.Abs(c[i] - expected[i]);
            worst = error <= worst ? worst : error;
        }
        if (!(worst < 1e-3))
        {
            throw new InvalidOperationException($"Step {step.Name} is wrong by {worst}.");
        }
    }

    private static void Report(LadderStep[] steps, double[] seconds, double peak)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"n = {N}, float32; peak of one thread {peak * 1e-9:F0} GFLOP/s"));
        Console.WriteLine("| step | ms | GFLOP/s | % of one thread's peak | times the step before |");
        Console.WriteLine("|---|---|---|---|---|");
        for (int i = 0; i < steps.Length; i++)
        {
            double rate = Flops / seconds[i], gain = i == 0 ? 1 : seconds[i - 1] / seconds[i];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {steps[i].Name} | {seconds[i] * 1e3:F2} | {rate * 1e-9:F1} | {100 * rate / peak:F1} | {gain:F1} |"));
        }
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        double seconds;
        int calls = 0;
        do
        {
            action();
            calls++;
            seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        while (seconds < SecondsPerTurn);
        return seconds / calls;
    }
}
