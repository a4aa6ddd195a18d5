using System.Numerics;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// What is random in one pass of a cell over a sequence, and its padding: masks drawn once, so that every way to run the cell, forward and
/// backward, uses the same. What is absent is null.
/// </summary>
/// <param name="Padding">(T, N, 1): 1 for steps of a sequence, 0 for padding behind it.</param>
/// <param name="HiddenShare">(T, N, H): the share of the new hidden state, 0 or 1 in training (zoneout), its mean in evaluation.</param>
/// <param name="CellShare">(T, N, H): the same for the cell state.</param>
/// <param name="Candidate">(T, N, H): factors of the candidate, 0 or 1/(1 - p) (recurrent dropout).</param>
/// <param name="HiddenInput">(N, H): factors of the hidden state where it enters the next step (variational dropout).</param>
/// <param name="Input">(1, N, I): factors of the inputs (variational dropout).</param>
internal readonly record struct SequenceNoise<T>(
    Tensor<T>? Padding, Tensor<T>? HiddenShare, Tensor<T>? CellShare, Tensor<T>? Candidate, Tensor<T>? HiddenInput, Tensor<T>? Input)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Whether nothing is random and nothing is padded.</summary>
    public bool IsEmpty => (Padding ?? HiddenShare ?? CellShare ?? Candidate ?? HiddenInput ?? Input) is null;

    /// <summary>Draws the masks for T steps of N cases.</summary>
    public static SequenceNoise<T> Draw(
        Tape<T> tape, RecurrentOptions options, int steps, int cases, int inputs, int hidden, Tensor<T>? padding, Philox random,
        Phase phase)
    {
        Shape states = new(steps, cases, hidden);
        return new(
            padding,
            Share(tape, states, options.Zoneout, random, phase),
            Share(tape, states, options.CellZoneout, random, phase),
            Factors(tape, states, options.RecurrentDropout, random, phase),
            Factors(tape, new Shape(cases, hidden), options.VariationalDropout, random, phase),
            Factors(tape, new Shape(1, cases, inputs), options.VariationalDropout, random, phase));
    }

    private static Tensor<T>? Factors(Tape<T> tape, Shape shape, double probability, Philox random, Phase phase) =>
        probability == 0 || phase == Phase.Evaluation ? null : tape.Filled(shape, T.One).Dropout(probability, random);

    // Dropout makes 1/(1 - p) of a 1 that stays; the minimum makes it 1 again.
    private static Tensor<T>? Share(Tape<T> tape, Shape shape, double probability, Philox random, Phase phase)
    {
        T kept = T.CreateTruncating(1 - probability);
        return probability == 0 ? null
            : phase == Phase.Evaluation ? tape.Filled(shape, kept)
            : tape.Filled(shape, T.One).Dropout(probability, random).Minimum(tape.Filled(Shape.Scalar, T.One));
    }
}
