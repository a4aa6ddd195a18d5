using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>Every cell under every preset, through time, by all parameters, the inputs and the initial state.</summary>
public class RecurrentGradientTests
{
    private const int Steps = 5, Cases = 4, Inputs = 3, Hidden = 4;

    public static TheoryData<string, string, RecurrentExecution> Cells => [.. from network in Networks.CellsAndPresets
        from execution in Enum.GetValues<RecurrentExecution>()
        select (network.Cell, network.Preset, execution)];

    [Theory]
    [MemberData(nameof(Cells))]
    public void Gradients_through_time_agree_with_finite_differences(string cell, string preset, RecurrentExecution execution) =>
        Check(cell, RecurrentPresets.Named(preset), execution);

    [Theory]
    [MemberData(nameof(Cells))]
    public void Gradients_with_padding_agree_with_finite_differences(string cell, string preset, RecurrentExecution execution) =>
        Check(cell, RecurrentPresets.Named(preset), execution, lengths: [5, 2, 4, 3]);

    [Theory]
    [MemberData(nameof(Cells))]
    public void Gradients_with_everything_random_and_a_learned_start_agree_with_finite_differences(
        string cell, string preset, RecurrentExecution execution) =>
        Check(cell, Networks.Randomized(RecurrentPresets.Named(preset)), execution, lengths: [5, 3, 4, 5], passesState: false);

    [Theory]
    [InlineData("lstm", "paper")]
    [InlineData("lstm", "plain")]
    [InlineData("lstm", "tf1")]
    [InlineData("lstm", "batch")]
    [InlineData("gru", "paper")]
    [InlineData("gru", "batch")]
    [InlineData("rnn", "rms")]
    [InlineData("rnn", "batch")]
    public void Hessian_vector_products_through_fused_cells_agree_with_differences_of_gradients(string cell, string preset)
    {
        using IDualBackend<double> dual = CpuBackend.CreateDual<double>(1);
        Check(dual, cell, RecurrentPresets.Named(preset), RecurrentExecution.Fused, [5, 3, 4, 5], passesState: true, new() { Order = 2 });
    }

    private static void Check(
        string cell, RecurrentOptions options, RecurrentExecution execution, int[]? lengths = null, bool passesState = true)
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        Check(backend, cell, options, execution, lengths, passesState, null);
    }

    private static void Check(
        IBackend<double> backend, string cell, RecurrentOptions options, RecurrentExecution execution, int[]? lengths, bool passesState,
        GradCheckOptions? checks)
    {
        using RecurrentLayer<double> layer = Networks.Make(cell, backend, Inputs, Hidden, options);
        Networks.Spread(layer);
        layer.Execution = execution;
        PhiloxState noise = layer.Noise.State;
        HostTensor<double>[] inputs =
        [
            HostTensor<double>.Random("x", new Shape(Steps, Cases, Inputs), 1, -2, 2),
            HostTensor<double>.Random("h0", new Shape(Cases, Hidden), 2),
            HostTensor<double>.Random("c0", new Shape(Cases, Hidden), 3),
        ];
        bool hasCell = layer.Cells[0].HasCell;
        GradCheckReport report = GradCheck.Sequence(
            backend, layer,
            (tape, x) =>
            {
                layer.Noise.State = noise;
                RecurrentState<double>[] states = [passesState ? new(x[1], hasCell ? x[2] : null) : default];
                Tensor<double>? padding = lengths is null ? null : RecurrentPadding.FromLengths(tape, lengths, Steps);
                Tensor<double> y = layer.Forward(x[0], states, padding);
                return hasCell ? [y, states[0].Cell!.Value] : [y];
            },
            inputs[..(passesState ? hasCell ? 3 : 2 : 1)], checks);
        report.ThrowIfFailed();
    }
}
