using System.Runtime.Intrinsics;

namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>The same with 16 numbers at once, and multiplication and addition as one instruction.</summary>
internal sealed unsafe class Step3Vectors : LadderStep
{
    public override string Name => "3 vectors";

    public override double Intensity => 2.0 / 12;

    public override void Multiply(int n, float* a, float* b, float* c)
    {
        new Span<float>(c, n * n).Clear();
        for (int i = 0; i < n; i++)
        {
            float* row = c + (i * n);
            for (int k = 0; k < n; k++)
            {
                Vector512<float> factor = Vector512.Create(a[(i * n) + k]);
                float* rowB = b + (k * n);
                for (int j = 0; j < n; j += Vector512<float>.Count)
                {
                    Vector512.FusedMultiplyAdd(factor, Vector512.Load(rowB + j), Vector512.Load(row + j)).Store(row + j);
                }
            }
        }
    }
}
