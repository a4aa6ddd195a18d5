using System.Numerics;

namespace MiniGrad.Samples.Compare;

/// <summary>Some sequences, and what is to be answered in their last steps. The memory is used again for the next batch.</summary>
/// <param name="steps">T.</param>
/// <param name="mostCases">The largest N.</param>
/// <param name="inputs">Numbers per case and step.</param>
/// <param name="answers">In how many of the last steps there is an answer.</param>
internal sealed class SequenceBatch<T>(int steps, int mostCases, int inputs, int answers)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly T[] x = new T[steps * mostCases * inputs], targets = new T[answers * mostCases];
    private readonly int[] labels = new int[answers * mostCases];

    /// <summary>N.</summary>
    public int Cases { get; set; } = mostCases;

    /// <summary>Whether the sequences do not go on where those of the batch before ended.</summary>
    public bool BeginsAnew { get; set; } = true;

    /// <summary>T x N x inputs.</summary>
    public Shape Shape => new(steps, Cases, inputs);

    /// <summary>The inputs, row-major.</summary>
    public Span<T> X => x.AsSpan(0, steps * Cases * inputs);

    /// <summary>The classes to be named, answers x N, unless numbers are asked for.</summary>
    public Span<int> Labels => labels.AsSpan(0, answers * Cases);

    /// <summary>The numbers to be named, answers x N, unless classes are asked for.</summary>
    public Span<T> Targets => targets.AsSpan(0, answers * Cases);

    /// <summary>The inputs of a case at a step.</summary>
    public Span<T> At(int step, int n) => x.AsSpan(((step * Cases) + n) * inputs, inputs);
}
