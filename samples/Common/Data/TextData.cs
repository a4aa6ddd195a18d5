using System.Reflection;
using System.Text;

namespace MiniGrad.Samples;

/// <summary>A text as numbers of its characters: the first part to train on, the rest to validate with.</summary>
public sealed class TextData
{
    /// <summary>The part of a text that is kept for validation.</summary>
    public const double ValidationShare = 0.1;

    private const int LeastCharacters = 1000, MostDistinct = 1024;

    private TextData(string source, string text)
    {
        Source = source;
        Alphabet = string.Concat(text.Distinct().Order());
        Dictionary<char, int> numbers = Alphabet.Select((c, i) => (c, i)).ToDictionary(pair => pair.c, pair => pair.i);
        int[] all = [.. text.Select(c => numbers[c])];
        int train = (int)(text.Length * (1 - ValidationShare));
        (Train, Validation) = (all[..train], all[train..]);
    }

    /// <summary>Where the text comes from, for reports.</summary>
    public string Source { get; }

    /// <summary>The distinct characters; a character's number is its place here.</summary>
    public string Alphabet { get; }

    /// <summary>What is trained on.</summary>
    public int[] Train { get; }

    /// <summary>What is only ever evaluated: the end of the text.</summary>
    public int[] Validation { get; }

    /// <summary>The source and its size.</summary>
    public override string ToString() =>
        $"{Source}: {Train.Length} training and {Validation.Length} validation characters, {Alphabet.Length} distinct";

    /// <summary>The text of a file, or the embedded novel if <paramref name="path"/> is null.</summary>
    /// <inheritdoc cref="FromFile"/>
    public static TextData Load(string? path) => path is null ? Embedded() : FromFile(path);

    /// <summary>Jane Austen's Pride and Prejudice, which is embedded here.</summary>
    public static TextData Embedded()
    {
        using StreamReader reader = new(Assembly.GetExecutingAssembly().GetManifestResourceStream("pride-and-prejudice.txt")!);
        return new TextData("Pride and Prejudice (embedded)", reader.ReadToEnd());
    }

    /// <summary>A text file in UTF-8, its line ends as \n.</summary>
    /// <exception cref="InputException">The file cannot be read, is no such text, is short or has too many distinct characters.</exception>
    public static TextData FromFile(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true)).ReplaceLineEndings("\n");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new InputException($"--text {path}: cannot be read ({failure.Message.TrimEnd('.')}); name a text file in UTF-8.");
        }
        if (text.Length < LeastCharacters)
        {
            throw new InputException($"--text {path}: has {text.Length} characters; at least {LeastCharacters} are needed to learn from.");
        }
        TextData data = new(path, text);
        return data.Alphabet.Length <= MostDistinct ? data : throw new InputException(
            $"--text {path}: has {data.Alphabet.Length} distinct characters; networks that read one at a time take up to {MostDistinct}.");
    }
}
