using System.Numerics;
using MiniGrad.Ops;
using MiniGrad.Ops.Tests.Recurrent;

namespace MiniGrad.Cuda.Tests;

/// <summary>
/// Fused recurrent cells on the device: the processor's outputs, final states and gradients, of a whole sequence as one op.
/// </summary>
public class RecurrentTests(OpTests.Backends backends) : IClassFixture<OpTests.Backends>
{
    private const double FloatTolerance = 1e-5, DoubleTolerance = 1e-11;

    // Normalizing a handful of features magnifies the rounding of floats, on every device.
    private const int LeastHiddenInFloat = 24;

    public static TheoryData<string, string> Cells => [.. Networks.CellsAndPresets];

    [Theory]
    [MemberData(nameof(Cells))]
    public void Every_preset_gives_the_numbers_of_the_processor(string cell, string preset) =>
        AssertAgrees(cell, RecurrentPresets.Named(preset), hidden: 7);

    [Theory]
    [MemberData(nameof(Cells))]
    public void So_it_does_with_padding_and_everything_random(string cell, string preset) => AssertAgrees(
        cell, Networks.Randomized(RecurrentPresets.Named(preset)), hidden: 6, cases: 9, lengths: [6, 4, 6, 6, 3, 6, 5, 6, 6]);

    [Theory]
    [InlineData("lstm", GateScope.PerGate, GateSplit.Separate)]
    [InlineData("lstm", GateScope.Fused, GateSplit.Summed)]
    [InlineData("gru", GateScope.PerGate, GateSplit.Separate)]
    [InlineData("gru", GateScope.Product, GateSplit.Separate)]
    [InlineData("rnn", GateScope.Fused, GateSplit.Separate)]
    public void So_it_does_under_every_mixture_of_switches(string cell, GateScope scope, GateSplit split)
    {
        foreach (RecurrentNormalization norm in (RecurrentNormalization[])[RecurrentNormalization.Layer, RecurrentNormalization.Rms])
        {
            RecurrentOptions plain = new() { Normalization = norm, Scope = scope, Split = split, Epsilon = 1e-3 };
            foreach (RecurrentOptions options in Networks.Switched(plain))
            {
                AssertAgrees(cell, options, hidden: 5);
            }
        }
    }

    /// <summary>More columns than a block has threads; so many cases that a block has several.</summary>
    [Theory]
    [InlineData("lstm", "paper", 300, 3)]
    [InlineData("lstm", "tf1", 9, 37)]
    [InlineData("lstm", "plain", 9, 37)]
    [InlineData("lstm", "batch", 70, 37)]
    [InlineData("gru", "paper", 300, 3)]
    [InlineData("gru", "haste", 9, 37)]
    [InlineData("rnn", "rms", 300, 3)]
    [InlineData("rnn", "paper", 9, 37)]
    public void Large_shapes_agree_too(string cell, string preset, int hidden, int cases) =>
        AssertAgrees(cell, RecurrentPresets.Named(preset), hidden, cases);

    private void AssertAgrees(string cell, RecurrentOptions options, int hidden, int cases = 5, int[]? lengths = null)
    {
        bool isFused = AssertClose<double>(DoubleTolerance, cell, options, hidden, cases, lengths);
        isFused &= AssertClose<float>(FloatTolerance, cell, options, Math.Max(hidden, LeastHiddenInFloat), cases, lengths);
        Assert.True(isFused, "The numbers agree, but this cell runs step by step on the device.");
    }

    private bool AssertClose<T>(double tolerance, string cell, RecurrentOptions options, int hidden, int cases, int[]? lengths)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        RecurrentRun expected = RecurrentRun.Of<double>(cell, options, RecurrentExecution.Fused, hidden, cases, lengths);
        CudaBackend<T> backend = backends.Get<T>();
        RecurrentRun got = RecurrentRun.Of(backend, cell, options, RecurrentExecution.Fused, hidden, cases, lengths);
        expected.AssertClose(got, tolerance, tolerance);
        Assert.Equal(0, backend.Pool.Outstanding);
        backend.Pool.Trim();
        return got.IsFused || !expected.IsFused;
    }
}

/// <summary>The same in every mode of the software device: a missing barrier shows in the order of threads.</summary>
public class RecurrentOrderTests : SoftwareDeviceTest
{
    public static TheoryData<string, string, bool> Modes => [.. from cell in (string[])["lstm", "gru", "rnn"]
        from preset in (string[])["paper", "plain", "batch"]
        from lazy in (bool[])[false, true]
        select (cell, preset, lazy)];

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_order_of_threads_does_not_change_a_bit(string cell, string preset, bool lazy)
    {
        RecurrentOptions options = RecurrentPresets.Named(preset);
        RecurrentRun[] runs = [.. Enum.GetValues<SoftwareDevice.Order>().Select(order =>
        {
            SoftwareDevice.Configure(lazy, order);
            using CudaBackend<float> backend = Create<float>();
            return RecurrentRun.Of(backend, cell, options, RecurrentExecution.Fused, hidden: 40, cases: 19);
        })];
        RecurrentRun.Of<double>(cell, options, RecurrentExecution.Fused, hidden: 40, cases: 19).AssertClose(runs[0], 1e-5, 1e-5);
        foreach (RecurrentRun run in runs[1..])
        {
            Assert.Equal(runs[0].Outputs, run.Outputs);
            Assert.Equal(runs[0].Gradients.Select(g => g.Values), run.Gradients.Select(g => g.Values));
        }
    }
}
