using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <content>From a tile's numbers to the copy of the loop that is compiled for them.</content>
internal static unsafe partial class GemmMicroKernel<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>
    /// C tile = alpha A B (+ C) (+ bias), for <paramref name="rows"/> rows and <paramref name="depth"/> steps over K; B holds as many
    /// vectors per step as the tile's columns need.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(int rows, nint depth, in RowsOfA<T> a, in Panel<T> b, in Tile<T> tile)
    {
        if (tile.Columns > 2 * V.Width)
        {
            Run<Count.Three>(rows, depth, a, b, tile);
        }
        else if (tile.Columns > V.Width)
        {
            Run<Count.Two>(rows, depth, a, b, tile);
        }
        else
        {
            Run<Count.One>(rows, depth, a, b, tile);
        }
    }

    // At once as fast as it gets: it is called for each tile.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TVectors>(int rows, nint depth, in RowsOfA<T> a, in Panel<T> b, in Tile<T> tile)
        where TVectors : struct, ICount
    {
        if (b.Copy != null)
        {
            Run<TVectors, Copying>(rows, depth, a, b, tile);
        }
        else if (b.Ahead != null)
        {
            Run<TVectors, Fetching>(rows, depth, a, b, tile);
        }
        else if (b.IsFar)
        {
            Run<TVectors, Striding>(rows, depth, a, b, tile);
        }
        else
        {
            Run<TVectors, Reading>(rows, depth, a, b, tile);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TVectors, TPanel>(int rows, nint depth, in RowsOfA<T> a, in Panel<T> b, in Tile<T> tile)
        where TVectors : struct, ICount
        where TPanel : struct, IPanelUse
    {
        if (nint.IsEvenInteger(depth))
        {
            Run<TVectors, TPanel, Count.Two>(rows, depth, a, b, tile);
        }
        else
        {
            Run<TVectors, TPanel, Count.One>(rows, depth, a, b, tile);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TVectors, TPanel, TSteps>(int rows, nint depth, in RowsOfA<T> a, in Panel<T> b, in Tile<T> tile)
        where TVectors : struct, ICount
        where TPanel : struct, IPanelUse
        where TSteps : struct, ICount
    {
        switch (rows)
        {
            case 1: Run<Count.One, TVectors, TPanel, TSteps>(depth, a, b, tile); break;
            case 2: Run<Count.Two, TVectors, TPanel, TSteps>(depth, a, b, tile); break;
            case 3: Run<Count.Three, TVectors, TPanel, TSteps>(depth, a, b, tile); break;
            case 4: Run<Count.Four, TVectors, TPanel, TSteps>(depth, a, b, tile); break;
            case 5: Run<Count.Five, TVectors, TPanel, TSteps>(depth, a, b, tile); break;
            case 6: Run<Count.Six, TVectors, TPanel, TSteps>(depth, a, b, tile); break;
            case 7: Run<Count.Seven, TVectors, TPanel, TSteps>(depth, a, b, tile); break;
            default: Run<Count.Eight, TVectors, TPanel, TSteps>(depth, a, b, tile); break;
        }
    }
}
