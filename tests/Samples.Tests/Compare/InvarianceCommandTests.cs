using System.Text.Json.Nodes;
using MiniGrad.Ops;
using MiniGrad.Samples.Compare;

namespace MiniGrad.Samples.Tests.Compare;

public sealed class InvarianceCommandTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void The_table_is_printed_and_written()
    {
        CommandRun run = Run("invariance", "--json", directory.File("table.json"));
        run.RequireSuccess();
        Assert.Contains("All 24 cells and 16 gradient twins agree", run.Output, StringComparison.Ordinal);
        JsonNode root = JsonNode.Parse(File.ReadAllText(directory.File("table.json")))!;
        Assert.Equal(["cells", "twins"], NamesOf(root));
        JsonArray cells = root["cells"]!.AsArray(), twins = root["twins"]!.AsArray();
        Assert.Equal((24, 16), (cells.Count, twins.Count));
        Assert.All(cells, cell => Assert.Equal(["scheme", "transformation", "expected", "deviation", "invariant"], NamesOf(cell!)));
        Assert.All(twins, twin => Assert.Equal(["scheme", "identity", "expected", "deviation", "holds"], NamesOf(twin!)));
        Assert.All(cells, cell => Assert.Equal(cell!["expected"]!.GetValue<bool>(), cell["invariant"]!.GetValue<bool>()));
        Assert.Equal(["batch", "weight", "layer", "rms"], cells.Take(4).Select(cell => cell!["scheme"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData(true, 1e-6, "yes 1.0e-06 DISAGREES")]
    [InlineData(false, 1e-12, "no  1.0e-12 DISAGREES")]
    [InlineData(true, double.NaN, "yes NaN DISAGREES")]
    public void A_cell_that_disagrees_is_marked_and_fails_the_command(bool expected, double deviation, string marked)
    {
        InvarianceTable table = new(
            [new InvarianceCell(NormalizationScheme.Layer, "a change", expected, deviation)],
            [new InvarianceCell(NormalizationScheme.Layer, "a twin", true, 0)]);
        CommandRun run = CommandRun.Of((output, _) => InvarianceCommand.Present(table, directory.File("table.json"), output));
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(marked, run.Output, StringComparison.Ordinal);
        Assert.Contains("1 of 2 disagree", run.Output, StringComparison.Ordinal);
        Assert.Single(JsonNode.Parse(File.ReadAllText(directory.File("table.json")))!["cells"]!.AsArray());
    }

    [Fact]
    public void A_file_that_cannot_be_written_gets_one_line() =>
        Run("invariance", "--json", "/no/such/table.json").RequireRefusal("--json /no/such/table.json: cannot be written");

    [Fact]
    public void A_file_that_cannot_take_its_place_leaves_nothing_beside_it()
    {
        string taken = Directory.CreateDirectory(directory.File("taken")).FullName;
        Run("invariance", "--json", taken).RequireRefusal($"--json {taken}: cannot be written");
        Assert.Equal([taken], Directory.GetFileSystemEntries(directory.Path));
    }

    private static CommandRun Run(params string[] args) =>
        CommandRun.Of((output, error) => Program.Run(args, output, error, CancellationToken.None));

    private static IEnumerable<string> NamesOf(JsonNode node) => node.AsObject().Select(property => property.Key);
}
