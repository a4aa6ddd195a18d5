using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

/// <summary>Every op's derivatives, by finite differences; <see cref="JvpTests"/> checks them against dual numbers, to rounding.</summary>
public class OpGradientTests
{
    // The checker's defaults: 1e-8 relative + 1e-10.
    private static readonly GradCheckOptions Options = new() { Order = 2, Projections = 2 };

    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void First_and_second_derivatives_agree_with_finite_differences_in_double(string name)
    {
        OpCase op = OpCases.Get(name);
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        using IDualBackend<double> dual = CpuBackend.CreateDual<double>(1);
        GradCheckReport report = GradCheck.Function(backend, op.Invoke, Inputs<double>(op), Options, dual);
        report.ThrowIfFailed();
        Assert.Equal(0, report.KinkCount);
    }

    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void Gradients_agree_with_finite_differences_in_float(string name)
    {
        OpCase op = OpCases.Get(name);
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        GradCheck.Function(backend, op.Invoke, Inputs<float>(op)).ThrowIfFailed();
    }

    private static HostTensor<T>[] Inputs<T>(OpCase op)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> =>
        [.. op.Inputs<T>().Select((x, i) => new HostTensor<T>($"argument {i}", op.Shapes[i], x))];
}
