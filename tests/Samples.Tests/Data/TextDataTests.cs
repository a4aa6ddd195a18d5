using System.Security.Cryptography;
using System.Text;

namespace MiniGrad.Samples.Tests.Data;

public sealed class TextDataTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void The_embedded_novel_is_the_one_that_its_page_describes()
    {
        TextData novel = TextData.Embedded();
        Assert.Equal(684_768, novel.Train.Length + novel.Validation.Length);
        Assert.Equal(75, novel.Alphabet.Length);
        string text = string.Concat(novel.Train.Concat(novel.Validation).Select(number => novel.Alphabet[number]));
        Assert.StartsWith("PRIDE AND PREJUDICE", text, StringComparison.Ordinal);
        Assert.Equal(
            "DFC684D4F857FA938268F9AB9C5567B64BD0691251ECA959644ADEABE6287A4D",
            Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes(text))));
        Assert.Equal(68_477, novel.Validation.Length);
    }

    [Fact]
    public void A_file_is_split_and_its_characters_numbered_in_order()
    {
        TextData data = TextData.FromFile(File("text.txt", "ab\r\n" + string.Concat(Enumerable.Repeat("bcä", 400))));
        Assert.Equal("\nabcä", data.Alphabet);
        Assert.Equal((1082, 121), (data.Train.Length, data.Validation.Length));
        Assert.Equal([1, 2, 0, 2, 3, 4, 2], data.Train[..7]);
    }

    [Fact]
    public void What_is_no_usable_text_is_refused()
    {
        AssertRefused(directory.File("none.txt"), "cannot be read");
        AssertRefused(File("short.txt", "too short"), "has 9 characters; at least 1000");
        AssertRefused(File("wide.txt", string.Concat(Enumerable.Range(0x4e00, 1100).Select(c => (char)c))), "has 1100 distinct characters");
        string bytes = directory.File("bytes.txt");
        System.IO.File.WriteAllBytes(bytes, [.. Enumerable.Repeat((byte)0xff, 2000)]);
        AssertRefused(bytes, "name a text file in UTF-8");
    }

    [Fact]
    public void Pieces_of_streams_follow_each_other_and_targets_are_one_ahead()
    {
        int[] text = [.. Enumerable.Range(0, 53).Select(i => i % 7)];
        TextPieces<float> pieces = new(text, alphabetSize: 7, streams: 2, steps: 5);
        Assert.Equal((5, new Shape(5, 2, 7)), (pieces.Count, pieces.Shape));
        for (int piece = 0; piece < pieces.Count; piece++)
        {
            ReadOnlySpan<float> oneHot = pieces.Read(piece, out ReadOnlySpan<int> next);
            for (int row = 0; row < next.Length; row++)
            {
                int at = (row % 2 * 26) + (piece * 5) + (row / 2);
                Assert.Equal(text[at + 1], next[row]);
                Assert.Equal(1, oneHot[(row * 7) + text[at]]);
                Assert.Equal(1, oneHot.Slice(row * 7, 7).ToArray().Sum());
            }
        }
    }

    [Fact]
    public void A_text_without_a_whole_piece_is_refused() =>
        Assert.Contains(
            "need more than 50",
            Assert.Throws<InputException>(() => new TextPieces<float>(new int[50], 3, 5, 10)).Message, StringComparison.Ordinal);

    private static void AssertRefused(string path, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => TextData.FromFile(path)).Message, StringComparison.Ordinal);

    private string File(string name, string text)
    {
        string path = directory.File(name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }
}
