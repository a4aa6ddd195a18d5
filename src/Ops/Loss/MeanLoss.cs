using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>Makes a loss of a formula of prediction and target: their values element by element, then the mean.</summary>
internal static class MeanLoss
{
    /// <summary>The mean of f(prediction, target).</summary>
    /// <remarks>The shapes must be equal: (N, 1) and (N,) would broadcast to N x N pairs, a mistake that trains without an error.</remarks>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor<T> Of<T, TOp>(string op, Tensor<T> prediction, Tensor<T> target, TOp formula)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IBinaryOp<T>
    {
        Operands.RequireShape(op, "target", target, Operands.ShapeOf(op, prediction));
        return prediction.Zip(target, formula).Mean();
    }
}
