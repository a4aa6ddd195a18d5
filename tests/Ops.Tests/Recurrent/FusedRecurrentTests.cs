using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>Fused cells against the same cells step by step, from plain ops.</summary>
public class FusedRecurrentTests
{
    private const int Cases = 5;

    /// <summary>
    /// Every cell that a preset makes; widths around those of vectors. Alone, a feature has no spread to be normalized by.
    /// </summary>
    public static TheoryData<string, string, int> Cells => [.. from network in Networks.CellsAndPresets
        from hidden in (int[])[1, 7, 16, 33]
        where hidden > 1 || network.Preset is "plain" or "weight"
        select (network.Cell, network.Preset, hidden)];

    [Theory]
    [MemberData(nameof(Cells))]
    public void Values_and_gradients_are_those_of_plain_ops(string cell, string preset, int hidden) =>
        AssertSame(cell, RecurrentPresets.Named(preset), hidden);

    [Theory]
    [MemberData(nameof(Cells))]
    public void So_they_are_with_padding_and_everything_random(string cell, string preset, int hidden) =>
        AssertSame(cell, Networks.Randomized(RecurrentPresets.Named(preset)), hidden, lengths: [6, 2, 5, 6, 3]);

    [Theory]
    [InlineData("lstm", "paper")]
    [InlineData("lstm", "tf1")]
    [InlineData("lstm", "batch")]
    [InlineData("gru", "haste")]
    [InlineData("gru", "batch")]
    [InlineData("rnn", "weight")]
    [InlineData("rnn", "batch")]
    public void In_segments_that_run_again_it_is_the_same(string cell, string preset)
    {
        RecurrentOptions plain = RecurrentPresets.Named(preset);
        RecurrentOptions random = plain with { Zoneout = 0.2, VariationalDropout = 0.2, LearnsInitialState = true };
        foreach (RecurrentOptions options in (RecurrentOptions[])[plain, random])
        {
            RecurrentRun expected = RecurrentRun.Of<double>(cell, options, RecurrentExecution.Fused, 7, Cases, [6, 2, 5, 6, 3]);
            foreach (int length in (int[])[1, 2, 4])
            {
                RecurrentRun got = RecurrentRun.Of<double>(cell, options, RecurrentExecution.Fused, 7, Cases, [6, 2, 5, 6, 3], length);
                expected.AssertClose(got, 1e-13, 1e-13);
            }
        }
    }

    [Theory]
    [InlineData("lstm", GateScope.PerGate, GateSplit.Separate)]
    [InlineData("lstm", GateScope.PerGate, GateSplit.Summed)]
    [InlineData("lstm", GateScope.Fused, GateSplit.Summed)]
    [InlineData("gru", GateScope.PerGate, GateSplit.Separate)]
    [InlineData("gru", GateScope.Product, GateSplit.Separate)]
    [InlineData("rnn", GateScope.Fused, GateSplit.Separate)]
    [InlineData("rnn", GateScope.Fused, GateSplit.Summed)]
    public void So_they_are_under_every_mixture_of_switches(string cell, GateScope scope, GateSplit split)
    {
        foreach (RecurrentNormalization norm in (RecurrentNormalization[])[RecurrentNormalization.Layer, RecurrentNormalization.Rms])
        {
            foreach (GateBiases biases in Enum.GetValues<GateBiases>())
            {
                RecurrentOptions plain = new() { Normalization = norm, Scope = scope, Split = split, Biases = biases, Epsilon = 1e-3 };
                foreach (RecurrentOptions options in Networks.Switched(plain))
                {
                    AssertSame(cell, options, hidden: 5);
                }
            }
        }
    }

    [Theory]
    [InlineData("lstm", GateSplit.Separate)]
    [InlineData("lstm", GateSplit.Summed)]
    [InlineData("gru", GateSplit.Separate)]
    [InlineData("rnn", GateSplit.Separate)]
    [InlineData("rnn", GateSplit.Summed)]
    public void So_they_are_under_batch_norm_by_every_mixture_of_switches(string cell, GateSplit split)
    {
        foreach (GateBiases biases in Enum.GetValues<GateBiases>())
        {
            foreach (bool shares in (bool[])[false, true])
            {
                RecurrentOptions plain = RecurrentPresets.Batch with
                {
                    Split = split,
                    Biases = biases,
                    SharesInputStatistics = shares,
                    StatisticsSteps = 4,
                };
                foreach (RecurrentOptions options in Networks.Switched(plain))
                {
                    AssertSame(cell, options, hidden: 5);
                    AssertSame(cell, options with { Zoneout = 0.2, RecurrentDropout = 0.25 }, hidden: 5, lengths: [6, 2, 5, 6, 3]);
                }
            }
        }
    }

    [Theory]
    [InlineData("lstm")]
    [InlineData("gru")]
    [InlineData("rnn")]
    public void Float_agrees_with_double_at_every_width(string cell)
    {
        foreach (SimdWidth width in SimdSupport.Supported)
        {
            RecurrentRun expected = RecurrentRun.Of<double>(cell, RecurrentPresets.Paper, RecurrentExecution.StepByStep, 24);
            using IBackend<float> backend = CpuBackend.Create<float>(1, width);
            RecurrentRun got = RecurrentRun.Of(backend, cell, RecurrentPresets.Paper, RecurrentExecution.Fused, 24);
            expected.AssertClose(got, 2e-6, 2e-5);
        }
    }

    [Theory]
    [InlineData("lstm", "paper")]
    [InlineData("lstm", "tf1")]
    [InlineData("lstm", "plain")]
    [InlineData("lstm", "batch")]
    [InlineData("gru", "paper")]
    [InlineData("gru", "batch")]
    [InlineData("rnn", "rms")]
    [InlineData("rnn", "batch")]
    public void The_number_of_threads_does_not_change_a_bit(string cell, string preset)
    {
        RecurrentRun[] runs = [.. ((int[])[1, 2, 4]).Select(threads =>
        {
            using IBackend<float> backend = CpuBackend.Create<float>(threads);
            return RecurrentRun.Of(backend, cell, RecurrentPresets.Named(preset), RecurrentExecution.Fused, 200, cases: 48);
        })];
        foreach (RecurrentRun run in runs[1..])
        {
            Assert.Equal(runs[0].Outputs, run.Outputs);
            Assert.Equal(runs[0].Gradients.Select(g => g.Values), run.Gradients.Select(g => g.Values));
        }
    }

    private static void AssertSame(string cell, RecurrentOptions options, int hidden, int[]? lengths = null) =>
        RecurrentRun.Of<double>(cell, options, RecurrentExecution.StepByStep, hidden, Cases, lengths)
            .AssertClose(RecurrentRun.Of<double>(cell, options, RecurrentExecution.Fused, hidden, Cases, lengths), 1e-12, 1e-11);
}
