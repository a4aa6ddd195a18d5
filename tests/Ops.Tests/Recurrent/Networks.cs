using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>Networks for tests.</summary>
internal static class Networks
{
    private static readonly (CarriedCell Carry, bool Gates, bool Cell, EpsilonPlacement Placement, UpdateGate Update)[] Mixtures =
    [
        (CarriedCell.Raw, true, true, EpsilonPlacement.InsideRoot, UpdateGate.Keeps),
        (CarriedCell.Normalized, true, true, EpsilonPlacement.OutsideRoot, UpdateGate.Replaces),
        (CarriedCell.Raw, true, false, EpsilonPlacement.OutsideRoot, UpdateGate.Replaces),
        (CarriedCell.Normalized, false, true, EpsilonPlacement.InsideRoot, UpdateGate.Keeps),
    ];

    /// <summary>An <c>lstm</c>, <c>gru</c> or <c>rnn</c>.</summary>
    public static RecurrentLayer<T> Make<T>(
        string cell, IBackend<T> backend, int inputs, int hidden, RecurrentOptions options, int layers = 1, int outputs = 0)
        where T : unmanaged, IFloatingPointIeee754<T> => cell switch
        {
            "lstm" => new Lstm<T>(backend, inputs, hidden, new Philox(1), options, layers, outputs),
            "gru" => new Gru<T>(backend, inputs, hidden, new Philox(1), options, layers, outputs),
            "rnn" => new Rnn<T>(backend, inputs, hidden, new Philox(1), options, layers, outputs),
            _ => throw new ArgumentOutOfRangeException(nameof(cell), cell, null),
        };

    /// <summary>Every cell under every preset that makes one; a GRU has no sum of its products, which tf1 normalizes.</summary>
    public static IEnumerable<(string Cell, string Preset)> CellsAndPresets =>
        from cell in (string[])["lstm", "gru", "rnn"]
        from preset in RecurrentPresets.Names
        where (cell, preset) != ("gru", "tf1")
        select (cell, preset);

    /// <summary>These options with everything random, and a learned start.</summary>
    public static RecurrentOptions Randomized(RecurrentOptions options) => options with
    {
        Zoneout = 0.2,
        CellZoneout = 0.3,
        RecurrentDropout = 0.25,
        VariationalDropout = 0.2,
        LearnsInitialState = true,
    };

    /// <summary>These options with mixtures of the switches that tell what is normalized and how.</summary>
    public static IEnumerable<RecurrentOptions> Switched(RecurrentOptions options) => Mixtures.Select(mixture => options with
    {
        Carry = mixture.Carry,
        NormalizesGates = mixture.Gates,
        NormalizesCell = mixture.Cell,
        EpsilonPlacement = mixture.Placement,
        UpdateGate = mixture.Update,
    });

    /// <summary>
    /// Moves every parameter off its first value, so that no gain is 1 and no bias 0; the same numbers for the same paths.
    /// </summary>
    public static void Spread<T>(RecurrentLayer<T> layer)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Philox random = new(77);
        foreach (Parameter<T> parameter in layer.Parameters)
        {
            double[] noise = new double[parameter.Shape.ElementCount];
            random.Uniform<double>(noise, -0.3, 0.3);
            parameter.Set([.. parameter.ToArray().Zip(noise, (value, move) => value + T.CreateTruncating((float)move))]);
        }
    }
}
