using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Samples.Tests;

public class InvarianceTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_cell_of_table_1_and_every_gradient_twin_is_measured_as_expected(ulong seed)
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        InvarianceTable table = Invariance.Measure(backend, seed);
        Assert.Equal(24, table.Cells.Count);
        Assert.Equal(16, table.Twins.Count);
        Assert.All(table.Cells.Concat(table.Twins), cell => Assert.True(cell.Agrees, cell.ToString()));
        Assert.True(table.Agrees);
    }

    [Fact]
    public void The_expected_column_is_the_papers()
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        string[] rows = [.. Invariance.Measure(backend).Cells.Chunk(4)
            .Select(row => string.Join(' ', row.Select(cell => cell.Expected ? "yes" : "no")))];
        Assert.Equal(["yes yes yes yes", "no no yes no", "yes yes no no", "yes no yes yes", "yes no no no", "no no yes yes"], rows);
    }

    [Fact]
    public void A_deviation_between_the_bounds_agrees_with_neither_answer()
    {
        InvarianceCell cell = new(Ops.NormalizationScheme.Layer, "", Expected: true, Deviation: 1e-6);
        Assert.False(cell.Agrees);
        Assert.False((cell with { Expected = false }).Agrees);
    }
}
