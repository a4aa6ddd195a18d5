using System.Numerics;

namespace MiniGrad.Samples;

/// <summary>
/// Cuts a text into N streams that are read side by side, T characters at a time: piece k of all streams follows piece k - 1, so that a
/// network's state can be carried on (truncated back-propagation through time).
/// </summary>
/// <remarks>Pieces fill the same buffers, so that a step allocates nothing. What is left over at the end of streams is not read.</remarks>
public sealed class TextPieces<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly int[] text, targets;
    private readonly int streamLength, alphabetSize;
    private readonly T[] oneHot;

    /// <summary>Pieces of <paramref name="text"/>.</summary>
    /// <param name="text">Numbers of characters.</param>
    /// <param name="alphabetSize">How many characters there are.</param>
    /// <param name="streams">N.</param>
    /// <param name="steps">T.</param>
    /// <exception cref="InputException">The text is too short for one piece.</exception>
    public TextPieces(int[] text, int alphabetSize, int streams, int steps)
    {
        (this.text, this.alphabetSize, Streams, Steps) = (text, alphabetSize, streams, steps);
        streamLength = text.Length / streams;
        Count = (streamLength - 1) / steps;
        if (Count < 1)
        {
            throw new InputException(
                $"--batch-size {streams} --length {steps}: need more than {(long)streams * steps} characters, " +
                $"but there are {text.Length}.");
        }
        targets = new int[steps * streams];
        oneHot = new T[steps * streams * alphabetSize];
    }

    /// <summary>N.</summary>
    public int Streams { get; }

    /// <summary>T.</summary>
    public int Steps { get; }

    /// <summary>How many pieces one way through the text has.</summary>
    public int Count { get; }

    /// <summary>The shape of inputs, T x N x alphabet.</summary>
    public Shape Shape => new(Steps, Streams, alphabetSize);

    /// <summary>The characters of a piece, each as a vector with a 1 at its number (row-major), and the character after each.</summary>
    /// <param name="piece">From 0 to <see cref="Count"/> - 1.</param>
    /// <param name="next">The number of the character that follows, T x N.</param>
    public ReadOnlySpan<T> Read(int piece, out ReadOnlySpan<int> next)
    {
        Array.Clear(oneHot);
        for (int t = 0; t < Steps; t++)
        {
            for (int n = 0; n < Streams; n++)
            {
                int at = (n * streamLength) + (piece * Steps) + t, row = (t * Streams) + n;
                oneHot[(row * alphabetSize) + text[at]] = T.One;
                targets[row] = text[at + 1];
            }
        }
        next = targets;
        return oneHot;
    }
}
