using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

public abstract partial class GemmTests<T>
{
    [Theory]
    [MemberData(nameof(Flags))]
    public void Products_that_threads_share_add_every_number_once(SimdWidth width, bool transposeA, bool transposeB)
    {
        using IBackend<T> backend = CpuBackend.Create<T>(2, width);
        Random random = new(15);
        Product deep = new(4, 600, 130) { TransposeA = transposeA, TransposeB = transposeB, Accumulate = true };
        // Shared by parts of K or by columns; by rows; by tiles of rows; by columns of a B of few steps.
        Product[] products =
        [
            deep, deep with { Batch = 2, SharesC = true }, deep with { M = 270, N = 10, K = 250 }, deep with { M = 200, N = 400, K = 10 },
            deep with { M = 3, N = 4100, K = 16 },
        ];
        foreach (Product product in products)
        {
            Check(backend, product, random);
        }
    }

    [Theory]
    [MemberData(nameof(Flags))]
    public void The_number_of_threads_does_not_change_a_bit(SimdWidth width, bool transposeA, bool transposeB)
    {
        (int M, int N, int K)[] shapes =
        [
            (128, 300, 64), (4, 900, 64), (500, 10, 64), (300, 10, 100), (500, 130, 20), (16, 300, 100), (250, 40, 400), (4, 900, 300),
            (700, 400, 10), (300, 530, 512), (40, 1024, 300), (600, 500, 40),
        ];
        Product[] products =
        [
            .. from shape in shapes
               from batch in new[] { 1, 2 }
               select new Product(shape.M, shape.N, shape.K) { Batch = batch, SharesC = true },
            new(64, 130, 2100) { Packs = true },
        ];
        foreach (Product each in products)
        {
            Product product = each with { TransposeA = transposeA, TransposeB = transposeB, Bias = true };
            Random random = new(11);
            T[] a = Product.Numbers(random, product.LengthA), b = Product.Numbers(random, product.LengthB);
            T[] bias = Product.Numbers(random, product.N);
            T[][] results = [.. new[] { 1, 2, 4 }.Select(threads =>
            {
                using IBackend<T> backend = CpuBackend.Create<T>(threads, width);
                return product.Run(backend, a, b, bias, new T[product.LengthC]);
            })];
            Assert.Equal(results[0], results[1]);
            Assert.Equal(results[0], results[2]);
        }
    }
}
