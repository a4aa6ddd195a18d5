using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

/// <summary>Products against three plain loops in double precision.</summary>
public abstract partial class GemmTests<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // Around the edges of tiles (6 and 12 rows; 2, 8, 16 and 32 columns), of blocks of rows (240) and of K (192 to 4096).
    private static readonly int[] Extents =
        [.. Enumerable.Range(1, 33), 47, 48, 49, 63, 64, 65, 95, 96, 97, 100, 127, 128, 129];

    private static readonly int[] LongExtents = [191, 193, 239, 241, 385, 400, 769, 1000];

    public static TheoryData<SimdWidth> Widths => [.. SimdSupport.Supported];

    public static TheoryData<SimdWidth, bool, bool> Flags
    {
        get
        {
            TheoryData<SimdWidth, bool, bool> data = [];
            foreach (SimdWidth width in SimdSupport.Supported)
            {
                data.Add(width, false, false);
                data.Add(width, false, true);
                data.Add(width, true, false);
                data.Add(width, true, true);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Flags))]
    public void Products_of_all_shapes_agree_with_three_loops(SimdWidth width, bool transposeA, bool transposeB)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(2, width);
        Random random = new(7);
        for (int round = 0; round < 80; round++)
        {
            Product product = new(Pick(random), Pick(random), Pick(random)) { TransposeA = transposeA, TransposeB = transposeB };
            Check(backend, product, random);
        }
    }

    [Theory]
    [MemberData(nameof(Flags))]
    public void Long_products_agree_with_three_loops(SimdWidth width, bool transposeA, bool transposeB)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(2, width);
        Random random = new(8);
        foreach (int extent in LongExtents)
        {
            (int, int, int)[] shapes =
                [(extent, 3, 20), (extent, 40, 9), (4, extent, 70), (13, 17, extent), (1, 50, extent), (50, 1, extent)];
            foreach ((int m, int n, int k) in shapes)
            {
                Check(backend, new(m, n, k) { TransposeA = transposeA, TransposeB = transposeB }, random);
            }
        }
        Check(backend, new(3, 40, 5000) { TransposeA = transposeA, TransposeB = transposeB }, random);
        Check(backend, new(250, 40, 400) { TransposeA = transposeA, TransposeB = transposeB, Accumulate = true }, random);
        Check(backend, new(300, 257, 1031) { TransposeA = transposeA, TransposeB = transposeB, Bias = true }, random);
        // A B too large for the caches, and rows that are whole pages.
        Check(backend, new(300, 530, 512) { TransposeA = transposeA, TransposeB = transposeB, Accumulate = true }, random);
        Check(backend, new(40, 1024, 300) { TransposeA = transposeA, TransposeB = transposeB }, random);
        // Rows of A that a thread has packed for one chunk serve its next one, but no other product of the same shape.
        for (int round = 0; round < 2; round++)
        {
            Check(backend, new(600, 500, 40) { TransposeA = transposeA, TransposeB = transposeB }, random);
        }
    }

    [Theory]
    [MemberData(nameof(Flags))]
    public void Alpha_bias_and_accumulation_agree_with_three_loops(SimdWidth width, bool transposeA, bool transposeB)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(2, width);
        Random random = new(9);
        (int, int, int)[] shapes =
            [(1, 1, 1), (5, 7, 3), (12, 32, 16), (13, 33, 500), (4, 50, 100), (50, 10, 100), (40, 10, 3), (26, 65, 900), (3, 300, 450)];
        foreach ((int m, int n, int k) in shapes)
        {
            foreach (bool bias in new[] { false, true })
            {
                foreach (bool accumulate in new[] { false, true })
                {
                    foreach (double alpha in new[] { 1, -0.5, 0 })
                    {
                        Check(backend, new(m, n, k)
                        {
                            TransposeA = transposeA,
                            TransposeB = transposeB,
                            Bias = bias,
                            Accumulate = accumulate,
                            Alpha = alpha,
                        }, random);
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Flags))]
    public void Batches_agree_with_three_loops_for_every_choice_of_strides(SimdWidth width, bool transposeA, bool transposeB)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(2, width);
        Random random = new(10);
        foreach ((int m, int n, int k) in new[] { (5, 7, 3), (4, 33, 70), (40, 9, 80), (40, 9, 8), (25, 65, 20) })
        {
            for (int choice = 0; choice < 32; choice++)
            {
                Check(backend, new(m, n, k)
                {
                    TransposeA = transposeA,
                    TransposeB = transposeB,
                    Batch = 3,
                    SharesA = (choice & 1) != 0,
                    SharesB = (choice & 2) != 0,
                    SharesC = (choice & 4) != 0,
                    Accumulate = (choice & 8) != 0,
                    Bias = (choice & 16) != 0,
                }, random);
            }
        }
    }

    [Fact]
    public void A_batch_of_large_products_is_its_products_one_by_one()
    {
        using IBackend<T> backend = CpuBackend.Create<T>(2);
        Random random = new(17);
        // Such a B is packed before, for all blocks of rows, unless each product has its own.
        Product single = new(260, 520, 520), batch = single with { Batch = 2 };
        T[] a = Product.Numbers(random, batch.LengthA), b = Product.Numbers(random, batch.LengthB);
        T[] c = batch.Run(backend, a, b, [], new T[batch.LengthC]);
        for (int i = 0; i < batch.Batch; i++)
        {
            T[] ofA = a[(i * single.LengthA)..((i + 1) * single.LengthA)], ofB = b[(i * single.LengthB)..((i + 1) * single.LengthB)];
            T[] expected = single.Run(backend, ofA, ofB, [], new T[single.LengthC]);
            Assert.Equal(expected, c[(i * single.LengthC)..((i + 1) * single.LengthC)]);
        }
    }

    [Theory]
    [MemberData(nameof(Flags))]
    public void Products_with_a_packed_B_agree_with_three_loops(SimdWidth width, bool transposeA, bool transposeB)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(2, width);
        Random random = new(13);
        for (int round = 0; round < 40; round++)
        {
            Product product = new(Pick(random), Pick(random), Pick(random)) { TransposeA = transposeA, TransposeB = transposeB };
            Check(backend, product with { Packs = true, Bias = round % 2 == 0, Accumulate = round % 3 == 0 }, random);
        }
        (int, int, int)[] shapes = [(1, 700, 300), (4, 50, 1000), (64, 13, 900), (250, 40, 400), (3, 40, 5000), (70, 130, 2100)];
        foreach ((int m, int n, int k) in shapes)
        {
            Check(backend, new(m, n, k) { TransposeA = transposeA, TransposeB = transposeB, Packs = true }, random);
        }
        Product batch = new(5, 33, 70) { TransposeA = transposeA, TransposeB = transposeB, Packs = true, Batch = 3, SharesB = true };
        Check(backend, batch, random);
        Check(backend, batch with { SharesC = true, Bias = true }, random);
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Squares_of_columns_are_summed_in_passing_and_change_no_bit_of_the_product(SimdWidth width)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1, width), other = CpuBackend.Create<T>(3, width);
        Random random = new(14);
        (int, int, int)[] shapes = [(4, 40, 5), (4, 1000, 70), (1, 33, 1), (2, 17, 33), (5, 100, 300), (4, 700, 1000), (3, 1000, 784)];
        foreach ((int m, int n, int k) in shapes)
        {
            Product product = new(m, n, k) { Bias = true };
            T[] a = Product.Numbers(random, m * k), b = Product.Numbers(random, n * k), bias = Product.Numbers(random, n);
            T[] squares = [.. Enumerable.Repeat(T.NaN, n)], again = [.. squares];
            T[] c = product.Run(backend, a, b, bias, new T[m * n], squares);
            Assert.Equal(product.Run(backend, a, b, bias, new T[m * n]), c);
            Assert.Equal(c, product.Run(other, a, b, bias, new T[m * n], again));
            Assert.Equal(squares, again);
            double bound = (k + 1) * double.CreateChecked(T.BitIncrement(T.One) - T.One);
            for (int column = 0; column < n; column++)
            {
                double expected = Enumerable.Range(0, k).Sum(row => Math.Pow(double.CreateChecked(b[(row * n) + column]), 2));
                Assert.Equal(expected, double.CreateChecked(squares[column]), bound * expected);
            }
        }
    }

    [Fact]
    public void Squares_are_summed_in_passing_where_B_is_read_once_as_it_is()
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1);
        GemmCall<T> call = new(4, 1000, 784) { A = default, B = default, C = default };
        Assert.True(backend.SumsSquares(call));
        Assert.False(backend.SumsSquares(call with { TransposeB = true }));
        Assert.False(backend.SumsSquares(call with { Batch = 2 }));
        Assert.False(backend.SumsSquares(new GemmCall<T>(128, 1000, 784) { A = default, B = default, C = default }));
        Assert.False(backend.SumsSquares(new GemmCall<T>(4, 3, 784) { A = default, B = default, C = default }));
    }

    [Theory]
    [MemberData(nameof(Flags))]
    public void What_C_held_is_not_read_and_NaN_reaches_its_row_and_column_only(SimdWidth width, bool transposeA, bool transposeB)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1, width);
        Random random = new(12);
        foreach ((int m, int n, int k) in new[] { (5, 7, 3), (13, 33, 50), (4, 40, 100), (50, 10, 100), (30, 70, 400) })
        {
            Product product = new(m, n, k) { TransposeA = transposeA, TransposeB = transposeB };
            T[] a = Product.Numbers(random, m * k), b = Product.Numbers(random, k * n);
            (int row, int step, int column) = (m - 1, k / 2, n - 1);
            a[transposeA ? (step * m) + row : (row * k) + step] = T.NaN;
            b[transposeB ? (column * k) + step : (step * n) + column] = T.PositiveInfinity;
            T[] c = product.Run(backend, a, b, [], [.. Enumerable.Repeat(T.NaN, m * n)]);
            for (int i = 0; i < c.Length; i++)
            {
                bool isNaN = i / n == row, isInfinite = !isNaN && i % n == column;
                bool isRight = isNaN ? T.IsNaN(c[i]) : isInfinite ? T.IsInfinity(c[i]) : T.IsFinite(c[i]);
                if (!isRight)
                {
                    Assert.Fail($"{product}: element {i} is {c[i]}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void A_product_over_nothing_is_the_bias_or_zero_and_an_empty_one_touches_nothing(SimdWidth width)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1, width);
        T[] two = [.. Enumerable.Repeat(T.CreateChecked(2), 21)];
        Assert.All(new Product(3, 7, 0).Run(backend, [], [], [], two), value => Assert.Equal(T.Zero, value));
        Assert.Equal(two, new Product(3, 7, 0) { Accumulate = true }.Run(backend, [], [], [], two));
        Assert.Equal(two, new Product(3, 7, 0) { Bias = true }.Run(backend, [], [], two[..7], [.. Enumerable.Repeat(T.NaN, 21)]));
        Assert.Empty(new Product(0, 7, 5).Run(backend, [], two[..0], [], []));
    }

    [Fact]
    public void A_product_allocates_nothing()
    {
        using IBackend<T> backend = CpuBackend.Create<T>(1);
        using Scratch<T> memory = backend.Pool.RentScratch<T>(3 * 128 * 128);
        DeviceBuffer<T> all = memory.Buffer;
        backend.Fill(all, T.One);
        const int size = 128 * 128;
        GemmCall<T> call = new(128, 128, 128) { A = all.Slice(0, size), B = all.Slice(size, size), C = all.Slice(2 * size, size) };
        backend.Gemm(call);
        backend.PackB(call.B, 128, 128, false).Dispose();
        Assert.Equal(0, ManagedHeap.BytesAllocatedBy(() =>
        {
            backend.Gemm(call);
            backend.Gemm(call with { TransposeA = true, TransposeB = true });
            using Scratch<T> packed = backend.PackB(call.B, 128, 128, false);
            backend.Gemm(call with { PackedB = packed.Buffer });
        }));
    }

    private static int Pick(Random random) => Extents[random.Next(Extents.Length)];

    private static void Check(IBackend<T> backend, Product product, Random random)
    {
        T[] a = Product.Numbers(random, product.LengthA), b = Product.Numbers(random, product.LengthB);
        T[] bias = Product.Numbers(random, product.Bias ? product.N : 0), c = Product.Numbers(random, product.LengthC);
        T[] result = product.Run(backend, a, b, bias, c);
        double[] expected = product.Reference(a, b, bias, c);
        double unit = double.CreateChecked(T.BitIncrement(T.One) - T.One);
        // Numbers are below 1 in size; an error of half a unit for each of the sum's steps is the worst case.
        double tolerance = unit * (product.K * product.Batch + 4) / 2 * Math.Sqrt(product.K * product.Batch + 4) / 2;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs(double.CreateChecked(result[i]) - expected[i]);
            if (!(difference <= tolerance)) // Not a number is wrong too. The message is made only then: it takes longer than the product.
            {
                Assert.Fail($"{product}: element {i} is {result[i]}, not {expected[i]} (tolerance {tolerance})");
            }
        }
    }
}

public sealed class SingleGemmTests : GemmTests<float>;

public sealed class DoubleGemmTests : GemmTests<double>;
