using System.Runtime.InteropServices;

namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>Copies of A and B in the order in which tiles read them.</summary>
internal static unsafe class Panels
{
    /// <summary>Memory for a packed A and a packed B, kept from one product to the next.</summary>
    public static float* A { get; } = Memory();

    /// <inheritdoc cref="A"/>
    public static float* B { get; } = Memory();

    /// <summary>The largest n that fits.</summary>
    public const int MostN = 1920;

    /// <summary>Of columns <paramref name="k"/> on of A: panels of 6 rows, a step's 6 numbers next to each other.</summary>
    public static void PackA(int n, float* a, int k, int depth, float* to)
    {
        for (int i = 0; i < n; i += Tile.Rows)
        {
            for (int step = k; step < k + depth; step++)
            {
                for (int row = 0; row < Tile.Rows; row++)
                {
                    *to++ = a[((i + row) * n) + step];
                }
            }
        }
    }

    /// <summary>Of rows <paramref name="k"/> on of B: panels of 32 columns, a step's 32 numbers next to each other.</summary>
    public static void PackB(int n, float* b, int k, int depth, float* to)
    {
        for (int j = 0; j < n; j += Tile.Columns)
        {
            for (int step = k; step < k + depth; step++, to += Tile.Columns)
            {
                new Span<float>(b + (step * n) + j, Tile.Columns).CopyTo(new Span<float>(to, Tile.Columns));
            }
        }
    }

    private static float* Memory() => (float*)NativeMemory.AlignedAlloc(MostN * MostN * sizeof(float), 4096);
}
