namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>
/// A and B are first copied into panels, so that a tile reads both from beginning to end: no strides of a row, of which each step touches
/// another page and which all fall into the same few sets of a cache.
/// </summary>
internal sealed unsafe class Step5PackedPanels : LadderStep
{
    public override string Name => "5 packed panels";

    public override double Intensity => Tile.Intensity;

    public override void Multiply(int n, float* a, float* b, float* c)
    {
        Panels.PackA(n, a, 0, n, Panels.A);
        Panels.PackB(n, b, 0, n, Panels.B);
        for (int j = 0; j < n; j += Tile.Columns)
        {
            for (int i = 0; i < n; i += Tile.Rows)
            {
                Tile.Multiply(n, Panels.A + (i * n), 1, Tile.Rows, Panels.B + (j * n), Tile.Columns, c + (i * n) + j, n, false);
            }
        }
    }
}
