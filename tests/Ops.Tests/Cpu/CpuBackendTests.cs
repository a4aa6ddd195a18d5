using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

public class CpuBackendTests
{
    [Fact]
    public void Numbers_without_vectors_are_refused_at_once_and_run_one_by_one()
    {
        if (SimdSupport.Has(SimdWidth.Bits256))
        {
            Assert.Contains(
                "no vectors of Half: take float or double",
                Assert.Throws<NotSupportedException>(() => CpuBackend.Create<Half>(1, SimdWidth.Bits256)).Message,
                StringComparison.Ordinal);
            Assert.Throws<NotSupportedException>(() => CpuBackend.CreateDual<Half>(1, SimdWidth.Bits256));
        }
        using IBackend<Half> backend = CpuBackend.Create<Half>(1, SimdWidth.Scalar);
        using Tape<Half> tape = new(backend);
        Assert.Equal((Half)0.5, tape.Constant([(Half)0], new Shape(1)).Sigmoid().Item());
    }
}
