using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>
/// A tile of C of 6 x 32 numbers in twelve registers. A multiply-add takes 4 cycles and two start in each, so at least 8 sums have to be
/// under way; and eight loads for twelve multiply-adds leave the two load units idle a third of the time.
/// </summary>
internal static unsafe class Tile
{
    public const int Rows = 6, Columns = 32;

    /// <summary>What a step over K reads: 6 numbers of A and 32 of B, for 2 x 6 x 32 operations.</summary>
    public const double Intensity = 2.0 * Rows * Columns / (4 * (Rows + Columns));

    /// <summary>C (+)= A B. Row r of A at step k is <c>a[r rowA + k stepA]</c>, B's row at step k starts at <c>b[k stepB]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(int depth, float* a, nint rowA, nint stepA, float* b, nint stepB, float* c, nint rowC, bool add)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector512<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        for (; depth > 0; depth--, a += stepA, b += stepB)
        {
            Vector512<float> left = Vector512.Load(b), right = Vector512.Load(b + 16);
            Vector512<float> factor = Vector512.Create(a[0]);
            c00 = Vector512.FusedMultiplyAdd(factor, left, c00);
            c01 = Vector512.FusedMultiplyAdd(factor, right, c01);
            factor = Vector512.Create(a[rowA]);
            c10 = Vector512.FusedMultiplyAdd(factor, left, c10);
            c11 = Vector512.FusedMultiplyAdd(factor, right, c11);
            factor = Vector512.Create(a[2 * rowA]);
            c20 = Vector512.FusedMultiplyAdd(factor, left, c20);
            c21 = Vector512.FusedMultiplyAdd(factor, right, c21);
            factor = Vector512.Create(a[3 * rowA]);
            c30 = Vector512.FusedMultiplyAdd(factor, left, c30);
            c31 = Vector512.FusedMultiplyAdd(factor, right, c31);
            factor = Vector512.Create(a[4 * rowA]);
            c40 = Vector512.FusedMultiplyAdd(factor, left, c40);
            c41 = Vector512.FusedMultiplyAdd(factor, right, c41);
            factor = Vector512.Create(a[5 * rowA]);
            c50 = Vector512.FusedMultiplyAdd(factor, left, c50);
            c51 = Vector512.FusedMultiplyAdd(factor, right, c51);
        }
        Store(c00, c01, c, add);
        Store(c10, c11, c + rowC, add);
        Store(c20, c21, c + (2 * rowC), add);
        Store(c30, c31, c + (3 * rowC), add);
        Store(c40, c41, c + (4 * rowC), add);
        Store(c50, c51, c + (5 * rowC), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> left, Vector512<float> right, float* to, bool add)
    {
        (add ? Vector512.Load(to) + left : left).Store(to);
        (add ? Vector512.Load(to + 16) + right : right).Store(to + 16);
    }
}
