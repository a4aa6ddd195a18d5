using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>How fast one thread reads from each level of memory.</summary>
internal static unsafe class MemoryLoop
{
    private const int Turns = 20;

    private static float sink;

    /// <summary>Names and bytes per second: arrays that fit in the first cache, in the second, and in neither.</summary>
    public static IEnumerable<(string Name, double BytesPerSecond)> Measure() =>
        [("L1", Rate(24 << 10)), ("L2", Rate(512 << 10)), ("L3 or memory", Rate(64 << 20))];

    private static double Rate(int bytes)
    {
        float* memory = (float*)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        new Span<byte>(memory, bytes).Clear();
        int rounds = Math.Max(1, (64 << 20) / bytes);
        double best = double.MaxValue;
        for (int turn = 0; turn < Turns; turn++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int round = 0; round < rounds; round++)
            {
                sink += Read(memory, bytes / sizeof(float));
            }
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        NativeMemory.AlignedFree(memory);
        return (double)rounds * bytes / best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Read(float* from, int count)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        for (int i = 0; i < count; i += 64)
        {
            a += Vector512.Load(from + i);
            b += Vector512.Load(from + i + 16);
            c += Vector512.Load(from + i + 32);
            d += Vector512.Load(from + i + 48);
        }
        return Vector512.Sum(a + b + c + d);
    }
}
