using System.Numerics;
using System.Runtime.CompilerServices;

namespace MiniGrad.Ops;

/// <summary>What a fused cell reads; an absent operand is null.</summary>
/// <param name="X">W_x x, (T, N, G). It may be overwritten, so that nothing else may read it.</param>
/// <param name="Weight">W_h, (H, G).</param>
/// <param name="Hidden">The initial hidden state, (N, H); null for zeros.</param>
/// <param name="Cell">The initial cell state, (N, H); null for zeros.</param>
/// <param name="Gain">(G,), of the product's normalization, or of that of the sum.</param>
/// <param name="GainX">(G,), of the normalization of X.</param>
/// <param name="Shift">(G,), all biases behind them.</param>
/// <param name="OwnShift">(H,), a GRU's bias inside its reset gate.</param>
/// <param name="CellGain">(H,).</param>
/// <param name="CellBias">(H,).</param>
internal readonly record struct SequenceOperands<T>(
    Tensor<T> X, Tensor<T> Weight, Tensor<T>? Hidden, Tensor<T>? Cell, Tensor<T>? Gain = null, Tensor<T>? GainX = null,
    Tensor<T>? Shift = null, Tensor<T>? OwnShift = null, Tensor<T>? CellGain = null, Tensor<T>? CellBias = null)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Most = 10;

    /// <summary>Whether a gradient is wanted by any operand.</summary>
    public bool NeedsGradient()
    {
        bool needs = false;
        List list = Collect(out int count);
        foreach (Tensor<T> operand in list[..count])
        {
            needs |= operand.NeedsGradient;
        }
        return needs;
    }

    /// <summary>The operands that are there.</summary>
    public List Collect(out int count)
    {
        List list = default;
        list[0] = X;
        list[1] = Weight;
        count = 2;
        foreach (Tensor<T>? operand in (ReadOnlySpan<Tensor<T>?>)[Hidden, Cell, Gain, GainX, Shift, OwnShift, CellGain, CellBias])
        {
            if (operand is { } present)
            {
                list[count++] = present;
            }
        }
        return list;
    }

    /// <summary>Up to ten tensors, without an array.</summary>
    [InlineArray(Most)]
    internal struct List
    {
        private Tensor<T> first;
    }
}
