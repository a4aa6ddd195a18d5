namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>
/// A tile of C stays in registers for the whole sum: a number that is read takes part in 6 or 32 multiply-adds instead of one, and C is
/// written once.
/// </summary>
internal sealed unsafe class Step4RegisterTile : LadderStep
{
    public override string Name => "4 register tile";

    public override double Intensity => Tile.Intensity;

    public override void Multiply(int n, float* a, float* b, float* c)
    {
        for (int j = 0; j < n; j += Tile.Columns)
        {
            for (int i = 0; i < n; i += Tile.Rows)
            {
                Tile.Multiply(n, a + (i * n), n, 1, b + j, n, c + (i * n) + j, n, false);
            }
        }
    }
}
