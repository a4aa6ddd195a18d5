using System.Numerics;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Samples;

/// <summary>The names and numbers that options of all samples take, and what they stand for.</summary>
public static class Choices
{
    /// <summary>The values of <c>--norm</c> and <c>--norms</c>.</summary>
    public static IReadOnlyList<string> Norms { get; } = NamesOf<NormalizationScheme>();

    /// <summary>The values of <c>--norm</c> and <c>--norms</c> for recurrent networks.</summary>
    public static IReadOnlyList<string> RecurrentNorms { get; } = NamesOf<RecurrentNormalization>();

    /// <summary>The values of <c>--activation</c>.</summary>
    public static IReadOnlyList<string> Activations { get; } = NamesOf<Activation>();

    /// <summary>The values of <c>--optimizer</c>.</summary>
    public static IReadOnlyList<string> Optimizers { get; } = ["sgd", "adam", "adamw", "rmsprop"];

    /// <summary>The most units of a layer: between two such layers are 2^28 weights, and an LSTM's gates have 2^30.</summary>
    public const int MostUnits = 16_384;

    /// <summary>The name, if it is allowed.</summary>
    /// <param name="option">The option, for the message.</param>
    /// <param name="name">What was given.</param>
    /// <param name="allowed">What may be given.</param>
    /// <exception cref="InputException">It is not allowed.</exception>
    public static string Require(string option, string name, IReadOnlyList<string> allowed) =>
        allowed.Contains(name) ? name : throw new InputException($"{option} '{name}': must be one of {string.Join(", ", allowed)}.");

    /// <summary>The number, if it is in range.</summary>
    /// <exception cref="InputException">It is not.</exception>
    public static int RequireRange(string option, int value, int least, int most) =>
        value >= least && value <= most ? value : throw new InputException($"{option} {value}: must be {least} to {most}.");

    /// <summary>The number, if it is finite and above 0.</summary>
    /// <exception cref="InputException">It is not.</exception>
    public static double RequirePositive(string option, double value) =>
        value > 0 && double.IsFinite(value) ? value : throw new InputException($"{option} {value}: must be a number above 0.");

    /// <summary>The normalization scheme of that name.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static NormalizationScheme Norm(string name) => ValueOf<NormalizationScheme>("--norm", name, Norms);

    /// <summary>The name of a scheme.</summary>
    public static string NameOf(NormalizationScheme scheme) => Norms[(int)scheme];

    /// <summary>The recurrent cell that is published under that scheme: for layer, the paper's.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static RecurrentOptions RecurrentNorm(string name) => ValueOf<RecurrentNormalization>("--norm", name, RecurrentNorms) switch
    {
        RecurrentNormalization.Layer => RecurrentPresets.Paper,
        RecurrentNormalization.Rms => RecurrentPresets.Rms,
        RecurrentNormalization.Weight => RecurrentPresets.Weight,
        RecurrentNormalization.Batch => RecurrentPresets.Batch,
        _ => RecurrentPresets.Plain,
    };

    /// <summary>The activation of that name.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static Activation Activation(string name) => ValueOf<Activation>("--activation", name, Activations);

    /// <summary>An optimizer of that name. Where it has more settings than the learning rate, they are the usual ones.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static Optimizer<T> Optimizer<T>(string name, IReadOnlyList<Parameter<T>> parameters, double learningRate)
        where T : unmanaged, IFloatingPointIeee754<T> => Require("--optimizer", name, Optimizers) switch
        {
            "sgd" => new Sgd<T>(parameters, learningRate, momentum: 0.9),
            "adam" => new Adam<T>(parameters, learningRate),
            "adamw" => new AdamW<T>(parameters, learningRate),
            _ => new RmsProp<T>(parameters, learningRate),
        };

    private static TEnum ValueOf<TEnum>(string option, string name, IReadOnlyList<string> names)
        where TEnum : struct, Enum => Enum.GetValues<TEnum>()[names.ToList().IndexOf(Require(option, name, names))];

    /// <summary>The names of an enumeration as options spell them: LeakyRelu is leaky-relu.</summary>
    private static string[] NamesOf<TEnum>()
        where TEnum : struct, Enum => [.. Enum.GetNames<TEnum>().Select(Spell)];

    private static string Spell(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) && i > 0 ? $"-{c}" : $"{c}")).ToLowerInvariant();
}
