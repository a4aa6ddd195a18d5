using System.Numerics;

namespace MiniGrad.Samples.Compare;

/// <summary>Something to be learned from sequences, in batches of N.</summary>
/// <param name="steps">T.</param>
/// <param name="cases">N.</param>
/// <param name="inputs">Numbers per case and step.</param>
/// <param name="answers">In how many of the last steps there is an answer.</param>
internal abstract class SequenceTask<T>(int steps, int cases, int inputs, int answers)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>T.</summary>
    public int Steps { get; } = steps;

    /// <summary>Numbers per case and step.</summary>
    public int Inputs { get; } = inputs;

    /// <summary>In how many of the last steps there is an answer.</summary>
    public int Answers { get; } = answers;

    /// <summary>The scores that an answer needs: one for each class, or 1 for a number.</summary>
    public abstract int Outputs { get; }

    /// <summary>Whether answers are numbers, with the squared error as the loss; else they are classes, with the cross-entropy.</summary>
    public virtual bool AsksNumbers => false;

    /// <summary>Whether a batch may go on where the one before ended, so that states are carried on.</summary>
    public virtual bool CarriesState => false;

    /// <summary>How many batches a test has.</summary>
    public abstract int TestBatches { get; }

    /// <summary>The memory of all batches.</summary>
    protected SequenceBatch<T> Batch { get; } = new(steps, cases, inputs, answers);

    /// <summary>The next batch to train on.</summary>
    public abstract SequenceBatch<T> NextTraining();

    /// <summary>A batch to test on: the same whenever it is asked for.</summary>
    public abstract SequenceBatch<T> Test(int index);
}
