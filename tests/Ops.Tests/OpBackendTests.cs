using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Ops.Tests.Cpu;

namespace MiniGrad.Ops.Tests;

/// <summary>Every op case on every kind of backend: all give the same numbers, and none touches memory that is not its own.</summary>
public class OpBackendTests
{
    // Sums of a few dozen terms in another order and by other last places, relative to the largest element of result and gradients. Batch
    // norm of two rows needs the most: its gradient is what is left of terms a hundred times as large.
    private const double FloatTolerance = 1e-5, DoubleTolerance = 5e-15;

    public static IEnumerable<string> Cases => OpCases.All.Select(op => op.Name);

    public static MatrixTheoryData<string, SimdWidth> CasesAndWidths => new(Cases, SimdSupport.Supported);

    public static MatrixTheoryData<string, GuardSide> CasesAndSides => new(Cases, [GuardSide.Before, GuardSide.After]);

    [Theory]
    [MemberData(nameof(CasesAndWidths))]
    public void Float_agrees_with_double_at_every_width(string name, SimdWidth width)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(1, width);
        using IBackend<double> reference = CpuBackend.Create<double>(1, SimdWidth.Scalar);
        AssertClose(OpRun<double>.Of(OpCases.Get(name), reference), OpRun<float>.Of(OpCases.Get(name), backend), FloatTolerance);
    }

    [Theory]
    [MemberData(nameof(CasesAndWidths))]
    public void Every_width_agrees_with_scalars_in_double(string name, SimdWidth width)
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1, width);
        using IBackend<double> reference = CpuBackend.Create<double>(1, SimdWidth.Scalar);
        AssertClose(OpRun<double>.Of(OpCases.Get(name), reference), OpRun<double>.Of(OpCases.Get(name), backend), DoubleTolerance);
    }

    /// <summary>An access out of bounds ends the process; memory read before it is written is NaN and shows in the result.</summary>
    [Theory]
    [MemberData(nameof(CasesAndSides))]
    public void An_op_stays_within_its_buffers_and_reads_only_what_was_written(string name, GuardSide side)
    {
        Assert.SkipUnless(GuardedAllocator.IsSupported, "Guard pages are made by Linux's calls.");
        foreach (SimdWidth width in SimdSupport.Supported)
        {
            AssertSameWithGuards<float>(OpCases.Get(name), width, side);
            AssertSameWithGuards<double>(OpCases.Get(name), width, side);
        }
    }

    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void The_number_of_threads_does_not_change_a_bit(string name)
    {
        OpCase op = OpCases.Get(name);
        OpRun<float> one = Large(op, threads: 1), two = Large(op, threads: 2), four = Large(op, threads: 4);
        AssertSame(one, two);
        AssertSame(one, four);
    }

    [Fact]
    public void Most_cases_grow_to_a_size_that_threads_share()
    {
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        int grown = OpCases.All.Count(op => TryRun(op, backend, Grow(op.Shapes)) is not null);
        Assert.True(grown >= 0.75 * OpCases.All.Count, $"Only {grown} of {OpCases.All.Count} cases take larger shapes.");
    }

    /// <summary>The case at shapes large enough for several chunks, or at its own if it fixes them.</summary>
    private static OpRun<float> Large(OpCase op, int threads)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(threads);
        return TryRun(op, backend, Grow(op.Shapes)) ?? OpRun<float>.Of(op, backend);
    }

    private static OpRun<float>? TryRun(OpCase op, IBackend<float> backend, IReadOnlyList<Shape> shapes)
    {
        try
        {
            return OpRun<float>.Of(op, backend, shapes);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>
    /// Every extent but 1 times the same factor, so that extents which must agree still do, with some 50 000 elements in the largest
    /// argument.
    /// </summary>
    private static Shape[] Grow(IReadOnlyList<Shape> shapes)
    {
        int rank = shapes.Max(shape => shape.ToArray().Count(extent => extent > 1)), count = shapes.Max(shape => shape.ElementCount);
        int factor = rank == 0 ? 1 : (int)Math.Ceiling(Math.Pow(50_000.0 / count, 1.0 / rank));
        return [.. shapes.Select(shape => new Shape([.. shape.ToArray().Select(extent => extent > 1 ? extent * factor : 1)]))];
    }

    private static void AssertSameWithGuards<T>(OpCase op, SimdWidth width, GuardSide side)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> plain = CpuBackend.Create<T>(1, width);
        using IBackend<T> guarded = CpuBackend.CreateWithPool<T>(1, width, new BufferPool(new GuardedAllocator(side), exactSizes: true));
        AssertSame(OpRun<T>.Of(op, plain), OpRun<T>.Of(op, guarded));
    }

    private static void AssertSame<T>(OpRun<T> expected, OpRun<T> got)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        foreach (((string array, T[] e), (_, T[] g)) in expected.Arrays.Zip(got.Arrays))
        {
            Assert.True(e.AsSpan().SequenceEqual(g), $"{array} differs.");
        }
    }

    private static void AssertClose<T>(OpRun<double> expected, OpRun<T> got, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double bound = tolerance * expected.Arrays.Max(array => array.Values.Max(Math.Abs));
        foreach (((string array, double[] e), (_, T[] g)) in expected.Arrays.Zip(got.Arrays))
        {
            double worst = e.Zip(g, (x, y) => Math.Abs(x - double.CreateChecked(y))).Max();
            Assert.True(worst <= bound, $"{array}: differs by {worst:g3}, over {bound:g3}.");
        }
    }
}
