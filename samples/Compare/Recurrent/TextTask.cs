using System.Numerics;

namespace MiniGrad.Samples.Compare;

/// <summary>Guess the next character of a text, at every step.</summary>
internal sealed class TextTask<T>(TextData text, int cases, int steps) : SequenceTask<T>(steps, cases, text.Alphabet.Length, steps)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly TextPieces<T> train = new(text.Train, text.Alphabet.Length, cases, steps);
    private TextPieces<T>? validation;
    private int next;

    public override int Outputs => Inputs;

    public override bool CarriesState => true;

    public override int TestBatches => Validation.Count;

    // Made when asked for: a task that trains may have more cases than the validation text has room for.
    private TextPieces<T> Validation => validation ??= new(text.Validation, Inputs, Batch.Cases, Steps);

    public override SequenceBatch<T> NextTraining() => Fill(train, next++ % train.Count);

    public override SequenceBatch<T> Test(int index) => Fill(Validation, index);

    private SequenceBatch<T> Fill(TextPieces<T> pieces, int piece)
    {
        pieces.Read(piece, out ReadOnlySpan<int> following).CopyTo(Batch.X);
        following.CopyTo(Batch.Labels);
        Batch.BeginsAnew = piece == 0;
        return Batch;
    }
}
