using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Ops.Tests;

namespace MiniGrad.Cuda.Tests;

/// <summary>Every case of the op table on the CUDA backend: the CPU's numbers, forward and backward, in float and double.</summary>
public class OpTests
{
    private const double FloatTolerance = 1e-5, DoubleTolerance = 1e-13;

    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void Float_agrees_with_the_processor_in_double(string name) => AssertAgrees<float>(name, FloatTolerance);

    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void Double_agrees_with_the_processor(string name) => AssertAgrees<double>(name, DoubleTolerance);

    private static void AssertAgrees<T>(string name, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        OpCase op = OpCases.Get(name);
        using IBackend<double> reference = CpuBackend.Create<double>(1);
        OpRun<double> expected = OpRun<double>.Of(op, reference);
        OpRun<T> got = Run<T>(op);
        double bound = tolerance * expected.Arrays.Max(array => array.Values.Max(Math.Abs));
        foreach (((string array, double[] e), (_, T[] g)) in expected.Arrays.Zip(got.Arrays))
        {
            double worst = e.Zip(g, (x, y) => Math.Abs(x - double.CreateChecked(y))).Max();
            Assert.True(worst <= bound, $"{array}: differs by {worst:g3}, over {bound:g3}.");
        }
        Assert.Equal(0, Shared<T>.Backend.Pool.Outstanding);
        Shared<T>.Backend.Pool.Trim();
    }

    private static OpRun<T> Run<T>(OpCase op)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        try
        {
            return OpRun<T>.Of(op, Shared<T>.Backend);
        }
        catch (NotSupportedException refusal)
        {
            Assert.Skip(refusal.Message);
            throw;
        }
    }

    /// <summary>One backend for all cases, so that each kernel is compiled once; its blocks have guards of their own.</summary>
    private static class Shared<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        private static CudaBackend<T>? backend;

        public static CudaBackend<T> Backend
        {
            get
            {
                SoftwareDevice.RequireAny();
                return backend ??= CudaBackend.CreateWithPool<T>(
                    new CudaOptions { SegmentBytes = 0 }, allocator => new BufferPool(allocator, exactSizes: true));
            }
        }
    }
}
