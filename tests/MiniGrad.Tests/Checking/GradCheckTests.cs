using System.Globalization;
using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Tests;

public sealed class GradCheckTests : IDisposable
{
    private readonly IBackend<double> backend = CpuBackend.Create<double>(1);
    private readonly IDualBackend<double> dual = CpuBackend.CreateDual<double>(1);

    public void Dispose()
    {
        Assert.Equal(0, backend.Pool.Outstanding);
        Assert.Equal(0, dual.Pool.Outstanding);
        backend.Dispose();
        dual.Dispose();
    }

    [Theory]
    [MemberData(nameof(PlantedBugs.Names), MemberType = typeof(PlantedBugs))]
    public void A_planted_bug_is_found_and_named_and_its_right_twin_passes(string name) => FindsBug(backend, name);

    [Theory]
    [MemberData(nameof(PlantedBugs.Names), MemberType = typeof(PlantedBugs))]
    public void A_planted_bug_is_found_in_float(string name)
    {
        using IBackend<float> floats = CpuBackend.Create<float>(1);
        FindsBug(floats, name);
    }

    [Fact]
    public void Swapped_gates_are_named_down_to_the_columns()
    {
        GradCheckReport report = GradCheck.Function(
            backend, x => PlantedBugs.Cell(x[0], x[1], swap: true), Inputs(("gates", new(1, 8)), ("c0", new(1, 2))));
        Assert.Equal(
            ["gates[0, 0]", "gates[0, 1]", "gates[0, 2]", "gates[0, 3]"],
            report.Worst.Where(entry => entry.Failed).Select(entry => entry.Position).Order(StringComparer.Ordinal));
        Assert.Equal(4, report.FailureCount);
        Assert.Equal(10, report.Comparisons);
    }

    [Fact]
    public void One_wrong_element_among_thousands_is_located()
    {
        HostTensor<double> x = HostTensor<double>.Random("x", new Shape(80, 50), 1);
        GradCheckReport report = GradCheck.Function(
            backend,
            t => Unary(t[0], Math.Sin, (v, i) => Math.Cos(v) * (i == 1234 ? 1.001 : 1)), [x], new() { SampledElements = 0 });
        Assert.Equal(["x"], report.FailedNames);
        Assert.Contains(report.Worst, entry => entry.Failed && entry.Kind == GradCheckKind.Element && entry.Position == "x[24, 34]");
    }

    [Fact]
    public void Agreement_is_far_below_the_tolerance()
    {
        GradCheckReport report = GradCheck.Function(
            backend, x => x[0].LayerNorm(x[1], x[2]), Inputs(("x", new(4, 9)), ("gain", new(9)), ("bias", new(9))),
            new() { Order = 2 }, dual);
        report.ThrowIfFailed();
        Assert.All(report.Worst, entry => Assert.True(entry.AbsoluteError < 1e-10, report.ToString()));
    }

    [Fact]
    public void Large_inputs_are_checked_along_random_directions()
    {
        GradCheckReport report = GradCheck.Function(
            backend, x => x[0].LayerNorm(x[1], x[2]), Inputs(("x", new(64, 300)), ("gain", new(300)), ("bias", new(300))));
        report.ThrowIfFailed();
        Assert.Equal(3 * (3 + 12), report.Comparisons);
    }

    [Fact]
    public void Several_outputs_count_together()
    {
        GradCheck.Sequence<double>(
            backend, null, (_, x) => [x[0].Tanh(), (x[0] + x[1]).Sum()], Inputs(("x", new(2, 3)), ("y", new(3)))).ThrowIfFailed();
        GradCheckReport report = GradCheck.Sequence<double>(
            backend, null, (tape, x) => [x[0].Tanh(), tape.Constant(x[1].ToArray(), x[1].Shape)], Inputs(("x", new(2, 3)), ("y", new(3))));
        Assert.Equal(["y"], report.FailedNames);
    }

    [Fact]
    public void An_input_on_a_kink_is_reported_as_such_and_any_slope_between_is_accepted()
    {
        HostTensor<double> x = new("x", new Shape(2, 2), [0.5, 0, -0.25, 1e-4]);
        GradCheckReport report = GradCheck.Function(backend, t => Unary(t[0], v => Math.Max(v, 0), (v, _) => v > 0 ? 1 : 0), [x]);
        Assert.True(report.Passed, report.ToString());
        GradCheckEntry kink = Assert.Single(report.Kinks);
        Assert.Equal("x[0, 1]", kink.Position);
        Assert.Equal(0, kink.Left, 1e-6);
        Assert.InRange(Math.Abs(kink.Right), 0.5, 1.5);
        Assert.Contains("sit on a kink", report.ToString(), StringComparison.Ordinal);

        GradCheckReport wrong = GradCheck.Function(
            backend, t => Unary(t[0], v => Math.Max(v, 0), (v, _) => v > 0 ? 1 : v == 0 ? -3 : 0), [x]);
        Assert.Equal("x[0, 1]", Assert.Single(wrong.Worst, entry => entry.Failed).Position);
    }

    [Fact]
    public void A_kink_near_an_input_does_not_spoil_its_difference_in_float()
    {
        using IBackend<float> floats = CpuBackend.Create<float>(1);
        HostTensor<float> x = new("x", new Shape(4), [0.5f, 1e-3f, -1e-3f, 3e-3f]);
        GradCheckReport report = GradCheck.Function(
            floats,
            t => HostOp.Apply(
                t[0].Shape, v => [.. v[0].Select(Math.Abs)], (v, dy) => [[.. dy.Zip(v[0], (d, value) => d * Math.Sign(value))]], t),
            [x]);
        report.ThrowIfFailed();
        Assert.Equal(0, report.KinkCount);
    }

    [Fact]
    public void A_smooth_minimum_is_no_kink()
    {
        HostTensor<double> x = new("x", new Shape(3), [0, 0, 1e-9]);
        GradCheckReport report = GradCheck.Function(backend, t => Unary(t[0], v => v * v * v * v, (v, _) => 4 * v * v * v), [x]);
        report.ThrowIfFailed();
        Assert.Equal(0, report.KinkCount);
    }

    [Fact]
    public void A_backward_pass_that_varies_is_found()
    {
        int calls = 0;
        GradCheckReport report = GradCheck.Function(
            backend, t => Unary(t[0], Math.Sin, (v, _) => Math.Cos(v) * (1 + (1e-14 * calls++))), Inputs(("x", new(3))));
        Assert.False(report.Passed);
        Assert.Contains("backward pass", report.NonDeterminism, StringComparison.Ordinal);
        Assert.Contains("of x", report.NonDeterminism, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_with_fresh_random_numbers_is_found()
    {
        Random random = new(1);
        GradCheckReport report = GradCheck.Function(
            backend, t => Unary(t[0], v => random.Next(2) * v, (_, _) => 1), Inputs(("x", new(30))));
        Assert.False(report.Passed);
        Assert.Contains("other outputs", report.NonDeterminism, StringComparison.Ordinal);
        Assert.Equal(0, report.Comparisons);
    }

    [Fact]
    public void A_gradient_that_is_not_a_number_fails()
    {
        GradCheckReport report = GradCheck.Function(
            backend, t => Unary(t[0], Math.Sin, (v, i) => i == 1 ? double.NaN : Math.Cos(v)), Inputs(("x", new(3))));
        Assert.Equal("x[1]", Assert.Single(report.Worst, entry => entry.Failed).Position);
    }

    [Fact]
    public void Order_2_finds_an_op_that_loses_tangents()
    {
        Assert.True(GradCheck.Function(backend, t => Unary(t[0], Math.Sin, (v, _) => Math.Cos(v)), Inputs(("x", new(3)))).Passed);
        GradCheckReport report = GradCheck.Function(
            backend, t => Unary(t[0], Math.Sin, (v, _) => Math.Cos(v)), Inputs(("x", new(3))), new() { Order = 2 }, dual);
        Assert.Equal(["forward mode", "x"], report.FailedNames);
        Assert.Contains(report.Worst, entry => entry.Failed && entry.Kind == GradCheckKind.HessianVector);
    }

    [Fact]
    public void Order_2_without_dual_numbers_says_what_to_pass()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => GradCheck.Function(backend, x => x[0].Tanh(), Inputs(("x", new(3))), new() { Order = 2 }));
        Assert.Contains("CpuBackend.CreateDual", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_that_uses_no_input_is_refused()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(
            () => GradCheck.Sequence<double>(backend, null, (tape, _) => [tape.Constant([1, 2], new Shape(2))], Inputs(("x", new(3)))));
        Assert.Contains("depends on", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_is_a_table_of_names_numbers_errors_and_steps()
    {
        GradCheckReport report = GradCheck.Function(
            backend, t => Unary(t[0], Math.Sin, (v, i) => i == 1 ? 2 : Math.Cos(v)), Inputs(("x", new(20))));
        string text = report.ToString();
        Assert.Equal(text, Assert.Throws<InvalidOperationException>(report.ThrowIfFailed).Message);
        Assert.Contains("FAILED: 1 of 20", text, StringComparison.Ordinal);
        Assert.Contains("Wrong: x.", text, StringComparison.Ordinal);
        foreach (string column in (string[])["expected", "got", "abs error", "rel error", "ULP", "step"])
        {
            Assert.Contains(column, text, StringComparison.Ordinal);
        }
        Assert.Equal(10, report.Worst.Count);
        GradCheckEntry worst = report.Worst[0];
        Assert.Contains($"! {worst.Position}", text, StringComparison.Ordinal);
        Assert.Contains(worst.Expected.ToString("g10", CultureInfo.InvariantCulture), text, StringComparison.Ordinal);
        Assert.Equal("x[1]", worst.Position);
        double error = Math.Abs(worst.Got - worst.Expected), size = Math.Abs(worst.Expected);
        Assert.InRange(error, 0.1, 3);
        Assert.Equal(error, worst.AbsoluteError);
        Assert.Equal(error / Math.Abs(worst.Got), worst.RelativeError);
        Assert.Equal(error / (Math.BitIncrement(size) - size), worst.Ulps);
        Assert.InRange(worst.Step, 1e-7, 0.02);
    }

    private static void FindsBug<T>(IBackend<T> on, string name)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        PlantedBug bug = PlantedBugs.All.Single(bug => bug.Name == name);
        GradCheckReport right = GradCheck.Function(on, x => PlantedBugs.Run(name, x, wrong: false), bug.Values<T>());
        Assert.True(right.Passed, right.ToString());
        GradCheckReport wrong = GradCheck.Function(on, x => PlantedBugs.Run(name, x, wrong: true), bug.Values<T>());
        Assert.Equal(bug.Wrong, wrong.FailedNames);
    }

    private static Tensor<double> Unary(Tensor<double> x, Func<double, double> f, Func<double, int, double> slope) => HostOp.Apply(
        x.Shape, v => Array.ConvertAll(v[0], value => f(value)), (v, dy) => [[.. dy.Select((d, i) => d * slope(v[0][i], i))]], x);

    private static HostTensor<double>[] Inputs(params (string Name, Shape Shape)[] inputs) =>
        [.. inputs.Select((input, i) => HostTensor<double>.Random(input.Name, input.Shape, seed: 20 + i))];
}
