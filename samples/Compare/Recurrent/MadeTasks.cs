using System.Numerics;
using MiniGrad.Training;

namespace MiniGrad.Samples.Compare;

/// <summary>A task whose sequences are made by random numbers, so that there is always a new one.</summary>
/// <param name="steps">T.</param>
/// <param name="cases">N.</param>
/// <param name="inputs">Numbers per case and step.</param>
/// <param name="answers">In how many of the last steps there is an answer.</param>
/// <param name="random">Makes the sequences to train on; those of tests are the same for all.</param>
internal abstract class MadeTask<T>(int steps, int cases, int inputs, int answers, Philox random)
    : SequenceTask<T>(steps, cases, inputs, answers)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // Far from the seeds that anybody takes.
    private const ulong TestSeed = 0x7e57_7e57_7e57;

    public override int TestBatches => 4;

    public override SequenceBatch<T> NextTraining() => Make(random);

    public override SequenceBatch<T> Test(int index) => Make(new Philox(TestSeed, (ulong)index));

    /// <summary>Makes all sequences of the batch, which is zeros.</summary>
    protected abstract void Fill(Philox from);

    private SequenceBatch<T> Make(Philox from)
    {
        Batch.X.Clear();
        Fill(from);
        return Batch;
    }
}

/// <summary>
/// The adding problem (Hochreiter, Schmidhuber 1997): each step has a number from 0 to 1 and a mark; what is asked for at the end is the
/// sum of the two numbers that were marked, one in each half. Always answering 1 has a squared error of 1/6.
/// </summary>
internal sealed class AddingTask<T>(int cases, int steps, Philox random) : MadeTask<T>(steps, cases, 2, 1, random)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>An answer that is further off is wrong, as in the paper that posed the problem.</summary>
    public const double Allowed = 0.04;

    public override int Outputs => 1;

    public override bool AsksNumbers => true;

    protected override void Fill(Philox from)
    {
        int half = Steps / 2;
        for (int n = 0; n < Batch.Cases; n++)
        {
            int first = from.NextInt32(half), second = half + from.NextInt32(Steps - half);
            for (int step = 0; step < Steps; step++)
            {
                Span<T> input = Batch.At(step, n);
                input[0] = T.CreateTruncating(from.NextDouble());
                input[1] = step == first || step == second ? T.One : T.Zero;
            }
            Batch.Targets[n] = Batch.At(first, n)[0] + Batch.At(second, n)[0];
        }
    }
}

/// <summary>
/// The copying problem (Hochreiter, Schmidhuber 1997, in the form of Arjovsky et al. 2016): ten symbols, then a wait, then a sign, after
/// which the ten have to be named in their order. Guessing names one of eight.
/// </summary>
internal sealed class CopyTask<T>(int cases, int wait, Philox random) : MadeTask<T>(wait + (2 * Length), cases, Symbols + 2, Length, random)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>How many symbols are to be remembered, and of how many.</summary>
    public const int Length = 10, Symbols = 8;

    private const int Blank = Symbols, Sign = Symbols + 1;

    public override int Outputs => Symbols;

    protected override void Fill(Philox from)
    {
        for (int n = 0; n < Batch.Cases; n++)
        {
            for (int step = 0; step < Steps; step++)
            {
                int symbol = step < Length ? from.NextInt32(Symbols) : step == Steps - Length - 1 ? Sign : Blank;
                Batch.At(step, n)[symbol] = T.One;
                if (step < Length)
                {
                    Batch.Labels[(step * Batch.Cases) + n] = symbol;
                }
            }
        }
    }
}
