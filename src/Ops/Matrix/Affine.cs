using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = x W + b for every row x: the linear layer, fused. From dy: dx = dy W^T, dW = x^T dy, and db is the sum of the rows of dy, since b
/// was added
/// to each. Nothing is saved.
/// </summary>
public static class AffineExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The rows of x (its last axis, of I numbers) times a weight matrix, plus a bias.</summary>
        /// <param name="weight">(I, O).</param>
        /// <param name="bias">(O,), added to every row.</param>
        /// <returns>x with O instead of I as its last extent.</returns>
        /// <exception cref="ArgumentException">The shapes do not fit.</exception>
        [GradCheck("3x4", "4x5", "5")]
        [GradCheck("2x3x4", "4x5", "5")]
        public Tensor<T> Affine(Tensor<T> weight, Tensor<T> bias) => AffineNode<T>.Apply([x, weight, bias]);

        /// <summary>
        /// The rows of x times a weight matrix, with no bias: what a normalization that follows would cancel, or has itself.
        /// </summary>
        /// <param name="weight">(I, O).</param>
        /// <returns>x with O instead of I as its last extent.</returns>
        /// <exception cref="ArgumentException">The shapes do not fit.</exception>
        [GradCheck("3x4", "4x5")]
        public Tensor<T> Affine(Tensor<T> weight) => AffineNode<T>.Apply([x, weight]);
    }
}

internal sealed class AffineNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public override string Op => "Affine";

    /// <summary>The operands are x and weight, or x, weight and bias.</summary>
    public static Tensor<T> Apply(ReadOnlySpan<Tensor<T>> operands)
    {
        Tape<T> tape = Operands.TapeOf("Affine", operands);
        Tensor<T> x = operands[0], weight = operands[1];
        if (x.Shape.Rank == 0 || weight.Shape.Rank != 2 || x.Shape[-1] != weight.Shape[0])
        {
            throw new ArgumentException(
                $"Affine: x of shape {x.Shape} and weight of shape {weight.Shape} do not fit: the weight must be a matrix " +
                "with a row for each number in a row of x.");
        }
        int inputs = weight.Shape[0], outputs = weight.Shape[1], rows = x.Shape.ElementCount / inputs;
        bool hasBias = operands.Length > 2;
        if (hasBias)
        {
            Operands.RequireShape("Affine", "bias", operands[2], new Shape(outputs));
        }
        Tensor<T> y = tape.NewResult(
            x.Shape.With(-1, outputs), x.NeedsGradient || weight.NeedsGradient || (hasBias && operands[2].NeedsGradient));
        tape.Backend.Gemm(new GemmCall<T>(rows, outputs, inputs)
        {
            A = x.Value,
            B = weight.Value,
            C = y.Value,
            Bias = hasBias ? operands[2].Value : default,
        });
        if (y.NeedsGradient)
        {
            tape.Record<AffineNode<T>>(y, operands);
        }
        return y;
    }

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> x = Inputs[0], weight = Inputs[1];
        int outputs = weight.Shape[1], rows = x.Shape.ElementCount / weight.Shape[0];
        DeviceBuffer<T> dy = Output.Gradient;
        BackwardProduct(backend, x, weight, dy, rows);
        GradientSink<T> dbias = Inputs.Length > 2 ? Inputs[2].GradientSink() : default;
        if (dbias.IsWanted)
        {
            backend.Reduce(default(SumReduction<T>), new ReduceCall<T>(dy, dbias.Buffer, 1, rows, outputs, T.One, dbias.Accumulate));
        }
    }

    /// <summary>The gradients of x and w in z = x w, of <paramref name="rows"/> rows: dx = dz w^T and dw = x^T dz.</summary>
    internal static void BackwardProduct(IBackend<T> backend, Tensor<T> x, Tensor<T> w, DeviceBuffer<T> dz, int rows)
    {
        GradientSink<T> dx = x.GradientSink();
        if (dx.IsWanted)
        {
            backend.Gemm(new GemmCall<T>(rows, w.Shape[0], w.Shape[1])
            {
                A = dz,
                B = w.Value,
                C = dx.Buffer,
                TransposeB = true,
                Accumulate = dx.Accumulate,
            });
        }
        w.AddToGradient(new OuterProducts<T>(x.Value, dz, rows));
    }
}
