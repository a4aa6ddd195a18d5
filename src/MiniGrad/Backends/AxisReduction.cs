using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>Reductions over any set of axes, made of passes over one axis each.</summary>
public static class AxisReduction
{
    /// <summary>
    /// y (+)= scale times the combination of x over every axis on which <paramref name="shapeY"/> has extent 1 and
    /// <paramref name="shapeX"/> has not.
    /// </summary>
    /// <remarks>Neighbouring axes are taken together, so that four axes need two passes at most.</remarks>
    /// <param name="backend">Where the buffers are.</param>
    /// <param name="x">The elements, of shape <paramref name="shapeX"/>.</param>
    /// <param name="shapeX">The extents of x.</param>
    /// <param name="y">The result, of shape <paramref name="shapeY"/>.</param>
    /// <param name="shapeY">Broadcasts to <paramref name="shapeX"/>: reduced axes have extent 1 or are missing in front.</param>
    /// <param name="reduction">How elements combine.</param>
    /// <param name="scale">What the result is multiplied by.</param>
    /// <param name="accumulate">Whether to add to y.</param>
    public static void ReduceTo<T, TReduction>(
        this IBackend<T> backend, DeviceBuffer<T> x, Shape shapeX, DeviceBuffer<T> y, Shape shapeY,
        TReduction reduction, T scale, bool accumulate)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TReduction : unmanaged, IReduction<T>
    {
        // The last run of neighbouring reduced axes becomes [outer, length, inner]; what is left in front is reduced by recursion.
        int end = Shape.MaxRank;
        while (end > 0 && shapeX.Aligned[end - 1] == shapeY.Aligned[end - 1])
        {
            end--;
        }
        int start = end;
        while (start > 0 && (shapeX.Aligned[start - 1] == 1 || shapeX.Aligned[start - 1] != shapeY.Aligned[start - 1]))
        {
            start--;
        }
        int outer = Product(shapeX.Aligned[..start]), length = Product(shapeX.Aligned[start..end]), inner = Product(shapeX.Aligned[end..]);
        if (outer * inner == y.Length)
        {
            backend.Reduce(reduction, new ReduceCall<T>(x, y, outer, length, inner, scale, accumulate));
            return;
        }
        using Scratch<T> partial = backend.Pool.RentScratch<T>(outer * inner);
        backend.Reduce(reduction, new ReduceCall<T>(x, partial.Buffer, outer, length, inner, T.One, false));
        backend.ReduceTo(partial.Buffer, Reduced(shapeX, start, end), y, shapeY, reduction, scale, accumulate);
    }

    private static Shape Reduced(Shape shape, int start, int end)
    {
        Span<int> extents = stackalloc int[Shape.MaxRank];
        shape.Aligned.CopyTo(extents);
        extents[start..end].Fill(1);
        return new Shape(extents);
    }

    private static int Product(ReadOnlySpan<int> extents)
    {
        int product = 1;
        foreach (int extent in extents)
        {
            product *= extent;
        }
        return product;
    }
}
