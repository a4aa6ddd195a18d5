using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Ops.Tests;

namespace MiniGrad.Cuda.Tests;

/// <summary>Every case of the op table on the CUDA backend: the CPU's numbers, forward and backward, in float and double.</summary>
public class OpTests(OpTests.Backends backends) : IClassFixture<OpTests.Backends>
{
    private const double FloatTolerance = 1e-5, DoubleTolerance = 1e-13;

    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void Float_agrees_with_the_processor_in_double(string name) => AssertAgrees<float>(name, FloatTolerance);

    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void Double_agrees_with_the_processor(string name) => AssertAgrees<double>(name, DoubleTolerance);

    /// <summary>
    /// Rows that a whole block shares, that have more elements than fit in its registers, or that several launches sum; and as many rows
    /// as make several chunks.
    /// </summary>
    [Theory]
    [InlineData("LayerNorm(3x7, 7, 7)", "5x700", "700", "700")]
    [InlineData("LayerNorm(3x7, 7, 7)", "3x4500", "4500", "4500")]
    [InlineData("LayerNorm(3x7, 7, 7)", "150x300", "300", "300")]
    [InlineData("RmsNorm(3x7, 7)", "3x4500", "4500")]
    [InlineData("RmsNorm(3x7, 7)", "150x300", "300")]
    [InlineData("BatchNorm(5x3, 3, 3)", "150x300", "300", "300")]
    [InlineData("WeightNorm(5x3, 3)", "150x300", "300")]
    [InlineData("Softmax(3x5)", "4x700")]
    [InlineData("LogSoftmax(3x5)", "4x700")]
    [InlineData("SoftmaxCrossEntropy.CrossEntropyOfLabels(4x3)", "4x700")]
    [InlineData("Sum(3x5)", "3x9000")]
    [InlineData("Sum.SumOverInnerAndOuter(2x3x4x5)", "2x3x400x40")]
    [InlineData("Multiply(3x5, 3x5)", "7x1000", "7x1000")]
    [InlineData("Multiply(2x1x5, 3x1)", "20x1x500", "30x1")]
    [InlineData("Transpose(3x5)", "70x50")]
    public void Large_shapes_agree_too(string name, params string[] shapes)
    {
        OpCase op = OpCases.Get(name);
        Shape[] parsed = [.. shapes.Select(shape => new Shape([.. shape.Split('x').Select(int.Parse)]))];
        AssertAgrees<float>(op, parsed, FloatTolerance);
        AssertAgrees<double>(op, parsed, DoubleTolerance);
    }

    private void AssertAgrees<T>(string name, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T> => AssertAgrees<T>(OpCases.Get(name), OpCases.Get(name).Shapes, tolerance);

    private void AssertAgrees<T>(OpCase op, IReadOnlyList<Shape> shapes, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<double> reference = CpuBackend.Create<double>(1);
        OpRun<double> expected = OpRun<double>.Of(op, reference, shapes);
        CudaBackend<T> backend = backends.Get<T>();
        OpRun<T> got = OpRun<T>.Of(op, backend, shapes);
        double bound = tolerance * expected.Arrays.Max(array => array.Values.Max(Math.Abs));
        foreach (((string array, double[] e), (_, T[] g)) in expected.Arrays.Zip(got.Arrays))
        {
            double worst = e.Zip(g, (x, y) => Math.Abs(x - double.CreateChecked(y))).Max();
            Assert.True(worst <= bound, $"{array}: differs by {worst:g3}, over {bound:g3}.");
        }
        Assert.Equal(0, backend.Pool.Outstanding);
        backend.Pool.Trim();
    }

    /// <summary>One backend for all cases, so that each kernel is compiled once; its blocks have guards of their own.</summary>
    public sealed class Backends : IDisposable
    {
        private readonly Dictionary<Type, IDisposable> made = [];

        public void Dispose()
        {
            foreach (IDisposable backend in made.Values)
            {
                backend.Dispose();
            }
        }

        internal CudaBackend<T> Get<T>()
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            SoftwareDevice.RequireAny();
            if (!made.TryGetValue(typeof(T), out IDisposable? backend))
            {
                backend = CudaBackend.CreateWithPool<T>(
                    new CudaOptions { SegmentBytes = 0 }, allocator => new BufferPool(allocator, exactSizes: true));
                made.Add(typeof(T), backend);
            }
            return (CudaBackend<T>)backend;
        }
    }
}
