using MiniGrad.Ops;
using MiniGrad.Training;
using Tensor = MiniGrad.Tensor<float>;

namespace MiniGrad.Samples.Lstm;

/// <summary>Has the model write: it reads a character, guesses the next, and reads its own guess.</summary>
internal sealed class Writer(Lstm<float> model, Tape<float> tape, string alphabet, Options options)
{
    private readonly Philox random = new(options.Seed, stream: 1);
    private readonly float[] oneHot = new float[alphabet.Length], scores = new float[alphabet.Length];

    /// <summary>This many characters, as if a new line had just begun.</summary>
    public string Write(int length)
    {
        char[] text = new char[length];
        int character = Math.Max(0, alphabet.IndexOf('\n', StringComparison.Ordinal));
        using CarriedState<float> state = new(model, tape.Backend, cases: 1);
        using (tape.Pause())
        {
            for (int i = 0; i < length; i++)
            {
                Array.Clear(oneHot);
                oneHot[character] = 1;
                Span<RecurrentState<float>> states = state.Load(tape);
                Tensor output = model.Forward(tape.Constant(oneHot, new Shape(1, 1, alphabet.Length)), states, phase: Phase.Evaluation);
                state.Save(states);
                output.CopyTo(scores);
                tape.Reset();
                character = Draw(scores, options.Temperature, random.NextDouble());
                text[i] = alphabet[character];
            }
        }
        return new string(text);
    }

    /// <summary>Draws from the distribution with probabilities proportional to exp(score / temperature).</summary>
    /// <param name="scores">One for each character.</param>
    /// <param name="temperature">Towards 0 the largest score wins, towards infinity all are alike.</param>
    /// <param name="uniform">A number from 0 to below 1 that decides.</param>
    public static int Draw(ReadOnlySpan<float> scores, double temperature, double uniform)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float score in scores)
        {
            largest = Math.Max(largest, score);
        }
        foreach (float score in scores)
        {
            sum += Math.Exp((score - largest) / temperature);
        }
        double left = uniform * sum;
        for (int i = 0; i < scores.Length; i++)
        {
            left -= Math.Exp((scores[i] - largest) / temperature);
            if (left < 0)
            {
                return i;
            }
        }
        return scores.IndexOf((float)largest); // Rounding left a little over.
    }
}
