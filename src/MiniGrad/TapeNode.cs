using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>
/// One recorded op: what it read, what it made, what it saved, and its vector-Jacobian product. Nodes are pooled by type, so that
/// recording allocates nothing once warm.
/// </summary>
public abstract class TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private Tensor<T>[] inputs = new Tensor<T>[3];
    private int inputCount;

    /// <summary>The name of the op, for messages and listings.</summary>
    public abstract string Op { get; }

    /// <summary>What the op made.</summary>
    public Tensor<T> Output { get; private set; }

    /// <summary>What the op read, in the order of its arguments.</summary>
    public ReadOnlySpan<Tensor<T>> Inputs => inputs.AsSpan(0, inputCount);

    internal int PoolIndex { get; set; }

    /// <summary>On the tape, the node that was recorded before this one; in the pool, the next that is free.</summary>
    internal TapeNode<T>? Next { get; set; }

    /// <summary>
    /// Multiplies the gradient of <see cref="Output"/> by the op's Jacobian: for each input takes its
    /// <see cref="Tensor{T}.GradientSink"/> and writes, or adds to, the gradient there. Called once the gradient of the output is complete.
    /// </summary>
    public abstract void Backward(IBackend<T> backend);

    internal void Connect(Tensor<T> made, ReadOnlySpan<Tensor<T>> read)
    {
        if (read.Length > inputs.Length)
        {
            inputs = new Tensor<T>[read.Length];
        }
        for (int i = 0; i < read.Length; i++)
        {
            inputs[i] = read[i]; // Span.CopyTo would call into the runtime, since handles hold references.
        }
        inputCount = read.Length;
        Output = made;
    }
}
