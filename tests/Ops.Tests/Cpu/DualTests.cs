using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using D = MiniGrad.Ops.Cpu.Dual<MiniGrad.Ops.Cpu.Scalar<double>, double>;

namespace MiniGrad.Ops.Tests.Cpu;

/// <summary>Tangents of every operation of a dual number against the derivatives of the textbook.</summary>
public sealed class DualTests : IDisposable
{
    private readonly IDualBackend<double> backend = CpuBackend.CreateDual<double>(1, SimdWidth.Scalar);

    public void Dispose() => backend.Dispose();

    [Theory]
    [InlineData(0.3)]
    [InlineData(2.5)]
    [InlineData(1e-9)]
    [InlineData(20.0)]
    public void Functions_of_one_number_carry_their_derivative(double x)
    {
        Check(1 / (2 * Math.Sqrt(x)), D.Sqrt, x);
        Check(Math.Exp(x), D.Exp, x);
        Check(Math.Exp(x), D.ExpM1, x);
        Check(1 / x, D.Log, x);
        Check(1 / (1 + x), D.Log1P, x);
        // 1 - y^2 is a difference of numbers near 1.
        Check(1 / Math.Pow(Math.Cosh(x), 2), D.Tanh, x, 1e-15);
        Check(2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x), D.Erf, x);
        Check(1, D.Abs, x);
        Check(-1, D.Abs, -x);
        Check(-1, v => -v, x);
        Check(-1 / (x * x), v => D.Splat(1) / v, x);
        Check(Math.Exp(-40), D.ExpM1, -40);
    }

    [Fact]
    public void Operators_follow_sum_product_and_quotient_rule()
    {
        Check(5, (a, b) => a + b);
        Check(-1, (a, b) => a - b);
        Check((2 * 4) + (7 * 3), (a, b) => a * b);
        Check(((2 * 4) - (7 * 3)) / 16.0, (a, b) => a / b);
        Check((2 * 4) + (7 * 3) + 2, (a, b) => D.MultiplyAdd(b, a, a));
    }

    [Fact]
    public void Choices_take_the_tangent_with_the_value_and_ties_follow_the_second_argument()
    {
        Check(2, D.Max, 7, 4);
        Check(3, D.Max, 4, 7);
        Check(3, D.Max, 4, 4);
        Check(3, D.Min, 7, 4);
        Check(2, D.Min, 4, 7);
        Check(3, D.Min, 4, 4);
        Check(2, (a, b) => D.SelectGreater(a, b, a, b), 7, 4);
        Check(3, (a, b) => D.SelectGreater(a, b, a, b), 4, 4);
        Check(0, D.Abs, 0);
    }

    [Fact]
    public void The_largest_lane_keeps_its_tangent_at_every_width()
    {
        foreach (SimdWidth width in SimdSupport.Supported)
        {
            using IDualBackend<double> wide = CpuBackend.CreateDual<double>(1, width);
            HostTensor<double> x = new("x", new Shape(1, 8), [1, 9, 3, 4, 5, 6, 7, 8]);
            using Scratch<double> from = wide.Pool.RentScratch<double>(8), to = wide.Pool.RentScratch<double>(1);
            wide.Upload<double>(x.Values, from.Buffer);
            wide.UploadTangent([1, 2, 3, 4, 5, 6, 7, 8], from.Buffer);
            double[] tangent = new double[1];
            wide.Reduce(default(MaxReduction<double>), new ReduceCall<double>(from.Buffer, to.Buffer, 1, 8, 1, 1, false));
            wide.DownloadTangent(to.Buffer, tangent);
            Assert.Equal(2, tangent[0]);
        }
    }

    private void Check(double slope, Func<D, D> f, double x, double absolute = 0) =>
        Assert.Equal(3 * slope, Tangent(f(Number(x, 3))), (1e-13 * Math.Abs(slope)) + absolute);

    private void Check(double expected, Func<D, D, D> f, double a = 7, double b = 4) =>
        Assert.Equal(expected, Tangent(f(Number(a, 2), Number(b, 3))), 1e-14);

    private D Number(double value, double tangent)
    {
        using Scratch<double> memory = backend.Pool.RentScratch<double>(1);
        backend.Upload<double>([value], memory.Buffer);
        backend.UploadTangent([tangent], memory.Buffer);
        return D.Load(memory.Buffer, 0);
    }

    private double Tangent(D number)
    {
        using Scratch<double> memory = backend.Pool.RentScratch<double>(1);
        D.Store(number, memory.Buffer, 0);
        double[] tangent = new double[1];
        backend.DownloadTangent(memory.Buffer, tangent);
        return tangent[0];
    }
}
