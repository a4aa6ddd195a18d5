namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>
/// K is cut so that a panel of B stays in the first cache, and the rows of A so that their block stays in the second: each is read from
/// farther away only once for many tiles.
/// </summary>
internal sealed unsafe class Step6CacheBlocks : LadderStep
{
    // 240 x 32 numbers of B are 30 KiB, 240 x 240 of A 225 KiB.
    private const int Depth = 240, Rows = 240;

    public override string Name => "6 cache blocks";

    public override double Intensity => Tile.Intensity;

    public override void Multiply(int n, float* a, float* b, float* c)
    {
        for (int k = 0; k < n; k += Depth)
        {
            Panels.PackA(n, a, k, Depth, Panels.A);
            Panels.PackB(n, b, k, Depth, Panels.B);
            for (int block = 0; block < n; block += Rows)
            {
                for (int j = 0; j < n; j += Tile.Columns)
                {
                    for (int i = block; i < block + Rows; i += Tile.Rows)
                    {
                        float* panelA = Panels.A + (i * Depth), panelB = Panels.B + (j * Depth);
                        Tile.Multiply(Depth, panelA, 1, Tile.Rows, panelB, Tile.Columns, c + (i * n) + j, n, k > 0);
                    }
                }
            }
        }
    }
}
