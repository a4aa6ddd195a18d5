using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

public class HvpTests
{
    [Fact]
    public void The_hessian_of_a_sum_of_tanh_is_its_second_derivative()
    {
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>(1);
        HostTensor<double> x = HostTensor<double>.Random("x", new Shape(3, 7), 1, -2, 2);
        double[] v = HostTensor<double>.Random("v", x.Shape, 2).Values;
        HvpResult<double> result = Hvp.Of(backend, t => t[0].Tanh().Sum(), [x], [v]);
        for (int i = 0; i < v.Length; i++)
        {
            double y = Math.Tanh(x.Values[i]);
            Assert.Equal(1 - (y * y), result.Gradients[0][i], 1e-14);
            Assert.Equal(-2 * y * (1 - (y * y)) * v[i], result.Products[0][i], 1e-14);
        }
    }

    [Fact]
    public void Parameters_keep_their_values_and_lose_their_tangents()
    {
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>(1);
        using Parameter<double> weight = new(backend, "weight", new Shape(2, 2));
        weight.Set([1, 2, 3, 4]);
        Hvp.Of(backend, tape => tape.Watch(weight).Tanh().Sum(), [weight], [[1, 1, 1, 1]]);
        double[] tangent = new double[4];
        backend.DownloadTangent(weight.Value, tangent);
        Assert.Equal(new double[4], tangent);
        Assert.Equal([1, 2, 3, 4], weight.ToArray());
        Assert.False(weight.HasGradient);
    }

    [Fact]
    public void A_result_that_is_no_scalar_is_refused()
    {
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>(1);
        HostTensor<double> x = HostTensor<double>.Random("x", new Shape(3), 1);
        Assert.Throws<InvalidOperationException>(() => Hvp.Of(backend, t => t[0].Tanh(), [x], [[1, 1, 1]]));
        Assert.Equal(0, backend.Pool.Outstanding);
    }
}
