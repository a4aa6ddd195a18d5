namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>The two inner loops exchanged: a row of C gets multiples of rows of B, and memory is read in the order it lies in.</summary>
internal sealed unsafe class Step2RowOrder : LadderStep
{
    public override string Name => "2 row order";

    // A number of B, and one of C read and written.
    public override double Intensity => 2.0 / 12;

    public override void Multiply(int n, float* a, float* b, float* c)
    {
        new Span<float>(c, n * n).Clear();
        for (int i = 0; i < n; i++)
        {
            float* row = c + (i * n);
            for (int k = 0; k < n; k++)
            {
                float factor = a[(i * n) + k];
                float* rowB = b + (k * n);
                for (int j = 0; j < n; j++)
                {
                    row[j] += factor * rowB[j];
                }
            }
        }
    }
}
