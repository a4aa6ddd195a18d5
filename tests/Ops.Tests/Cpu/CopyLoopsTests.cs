using CsCheck;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

public class CopyLoopsTests
{
    public static TheoryData<SimdWidth> Widths => [.. SimdSupport.Supported];

    /// <summary>Both sides permuted, the source also broadcast, both inside larger arrays: everything that ops ask for.</summary>
    [Theory]
    [MemberData(nameof(Widths))]
    public void Any_strides_equal_plain_loops(SimdWidth width)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(2, width);
        Gen.Select(Gen.Int[1, 20].Array[1, 4], Gen.Int[0, int.MaxValue]).Sample(
            (extents, seed) => AssertCopies(backend, extents, new Random(seed)), iter: 300, threads: 1);
    }

    /// <summary>Rows longer than a chunk, and transposes of more than a chunk with sides that are no multiple of a tile.</summary>
    [Theory]
    [InlineData(new[] { 20_011 })]
    [InlineData(new[] { 3, 9_001 })]
    [InlineData(new[] { 131, 257 })]
    [InlineData(new[] { 17, 5, 300 })]
    [InlineData(new[] { 3, 40, 33, 15 })]
    public void Copies_of_many_chunks_equal_plain_loops(int[] extents)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(2);
        for (int seed = 0; seed < 20; seed++)
        {
            AssertCopies(backend, extents, new Random(seed));
        }
    }

    [Fact]
    public void Axes_that_both_sides_step_through_as_one_are_one_row()
    {
        Shape shape = new(3, 4, 5);
        CopyPlan plan = new(shape, Strides.RowMajor(shape), Strides.RowMajor(shape));
        Assert.False(plan.IsTransposed);
        Assert.Equal(new CopyAxis(60, 1, 1), plan.Row);
    }

    [Fact]
    public void A_transpose_of_inner_axes_is_tiled_along_both()
    {
        Strides x = default;
        (x[1], x[2], x[3]) = (20, 1, 5); // [3, 4, 5] read as [3, 5, 4]
        CopyPlan plan = new(new Shape(3, 5, 4), x, Strides.RowMajor(new Shape(3, 5, 4)));
        Assert.True(plan.IsTransposed);
        Assert.Equal((new CopyAxis(4, 5, 1), new CopyAxis(5, 1, 4)), (plan.Row, plan.Column));
    }

    private static void AssertCopies(IBackend<float> backend, int[] extents, Random random)
    {
        Shape shape = new(extents);
        (Strides x, int sizeX) = RandomStrides(shape, random, repeats: true);
        (Strides y, int sizeY) = RandomStrides(shape, random, repeats: false);
        bool accumulate = random.Next(2) == 0;
        float scale = random.Next(2) == 0 ? 1 : -0.5f;
        float[] from = [.. Enumerable.Range(0, sizeX).Select(i => (float)i)], to = [.. Enumerable.Range(0, sizeY).Select(i => 1e6f + i)];
        using Scratch<float> source = backend.Pool.RentScratch<float>(sizeX), target = backend.Pool.RentScratch<float>(sizeY);
        backend.Upload(from, source.Buffer);
        backend.Upload(to, target.Buffer);
        backend.Copy(new CopyCall<float>(source.Buffer, x, target.Buffer, y, shape, scale, accumulate));

        for (int element = 0; element < shape.ElementCount; element++)
        {
            int rest = element, atX = 0, atY = 0;
            for (int axis = Shape.MaxRank - 1; axis >= 0; axis--)
            {
                int index = rest % shape.Aligned[axis];
                rest /= shape.Aligned[axis];
                atX += index * x[axis];
                atY += index * y[axis];
            }
            to[atY] = (accumulate ? to[atY] : 0) + (scale * from[atX]);
        }
        float[] actual = new float[sizeY];
        backend.Download(target.Buffer, actual);
        Assert.Equal(to, actual);
    }

    /// <summary>Axes in a random order, some with room between, or repeated; and how many elements they span.</summary>
    private static (Strides Strides, int Size) RandomStrides(Shape shape, Random random, bool repeats)
    {
        int[] axes = [0, 1, 2, 3];
        if (random.Next(3) > 0)
        {
            random.Shuffle(axes);
        }
        Strides strides = default;
        int step = 1 + (random.Next(3) / 2), size = 1;
        foreach (int axis in axes.Reverse())
        {
            if (repeats && random.Next(6) == 0)
            {
                continue;
            }
            strides[axis] = shape.Aligned[axis] == 1 ? 0 : step;
            size += (shape.Aligned[axis] - 1) * strides[axis];
            step *= shape.Aligned[axis] + (random.Next(4) / 3);
        }
        return (strides, size);
    }
}
