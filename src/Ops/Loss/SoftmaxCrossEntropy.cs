using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The cross-entropy of class probabilities p = softmax(x) with a target q, averaged over N rows of C logits, fused. With label smoothing
/// s, q gives 1 - s to the label and shares s among all classes:
/// <code>
/// loss = -(1/N) sum_rows sum_j q_j log p_j      q_j = (1 - s) [j = label] + s/C      dx = (1/N) (p - q) dy
/// </code>
/// since d(-log p_i)/dx_j = p_j - [i = j] and the q_i sum to 1. Saves (p - q)/N, written while the row of exponentials is in the cache: all
/// that backward has to do is multiply by dy, one number.
/// </summary>
public static class SoftmaxCrossEntropyExtensions
{
    extension<T>(Tensor<T> logits)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The mean over rows of -log softmax(row)[label]. Safe for logits of any size.</summary>
        /// <param name="labels">The class of each row (of all axes but the last): 0 to C - 1. They are copied.</param>
        /// <param name="labelSmoothing">The share of the target that is spread over all classes, in [0, 1).</param>
        /// <returns>A scalar.</returns>
        /// <exception cref="ArgumentException">A label is out of range, or there are more or less labels than rows.</exception>
        /// <exception cref="ArgumentOutOfRangeException"><paramref name="labelSmoothing"/> is not in [0, 1).</exception>
        public Tensor<T> SoftmaxCrossEntropy(ReadOnlySpan<int> labels, double labelSmoothing = 0)
        {
            Tape<T> tape = Operands.TapeOf("SoftmaxCrossEntropy", logits);
            int columns = logits.Shape[-1], rows = logits.Shape.ElementCount / columns;
            Validate(logits.Shape, rows, labels, labelSmoothing);
            Tensor<T> loss = tape.NewResult(Shape.Scalar, logits.NeedsGradient);
            DeviceBuffer<T> gradient = loss.NeedsGradient ? tape.Rent<T>(logits.Shape.ElementCount) : default;
            using Scratch<T> losses = tape.Backend.Pool.RentScratch<T>(rows);
            T perRow = T.One / T.CreateChecked(rows);
            tape.Backend.Run(
                new SoftmaxCrossEntropyForward<T>(
                    logits.Value, tape.Indices(labels), losses.Buffer, gradient, columns, T.CreateTruncating(labelSmoothing), perRow),
                rows, RowChunks.Grain(rows, columns));
            tape.Backend.Reduce(default(SumReduction<T>), new ReduceCall<T>(losses.Buffer, loss.Value, 1, rows, 1, perRow, false));
            if (loss.NeedsGradient)
            {
                tape.Record<SoftmaxCrossEntropyNode<T>>(loss, logits).LogitGradient = gradient;
            }
            return loss;
        }
    }

    [GradCheck("4x3", Low = -3, High = 3)]
    private static Tensor<T> CrossEntropyOfLabels<T>(Tensor<T> logits)
        where T : unmanaged, IFloatingPointIeee754<T> => logits.SoftmaxCrossEntropy([2, 0, 1, 2]);

    [GradCheck("2x2x5", Low = -3, High = 3)]
    private static Tensor<T> CrossEntropySmoothed<T>(Tensor<T> logits)
        where T : unmanaged, IFloatingPointIeee754<T> => logits.SoftmaxCrossEntropy([4, 0, 1, 1], labelSmoothing: 0.1);

    private static void Validate(Shape logits, int rows, ReadOnlySpan<int> labels, double labelSmoothing)
    {
        if (labels.Length != rows)
        {
            throw new ArgumentException(
                $"SoftmaxCrossEntropy: logits of shape {logits} have {rows} rows, but there are {labels.Length} labels: " +
                "give one label per row.");
        }
        for (int row = 0; row < rows; row++)
        {
            if ((uint)labels[row] >= (uint)logits[-1])
            {
                throw new ArgumentException(
                    $"SoftmaxCrossEntropy: the label of row {row} is {labels[row]}, but logits of shape {logits} " +
                    $"have classes 0 to {logits[-1] - 1}.");
            }
        }
        if (!(labelSmoothing >= 0 && labelSmoothing < 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(labelSmoothing), labelSmoothing, "SoftmaxCrossEntropy: label smoothing is a share of the target, 0 to below 1.");
        }
    }
}

internal sealed class SoftmaxCrossEntropyNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public DeviceBuffer<T> LogitGradient { get; set; }

    public override string Op => "SoftmaxCrossEntropy";

    public override void Backward(IBackend<T> backend)
    {
        int count = LogitGradient.Length;
        backend.Run(
            new SoftmaxCrossEntropyBackward<T>(LogitGradient, Output.Gradient, Inputs[0].GradientSink()), count, RowChunks.Grain(count, 1));
    }
}

/// <summary>
/// Passes over a row: the largest, the exponentials, with smoothing the sum of logits, and p - q unless the gradient's buffer is empty.
/// </summary>
internal readonly unsafe struct SoftmaxCrossEntropyForward<T>(
    DeviceBuffer<T> x, DeviceBuffer<int> labels, DeviceBuffer<T> losses, DeviceBuffer<T> gradient, int columns, T smoothing, T perRow)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => RowExp.DeviceSource + """
        struct Arguments { Buffer<real> x; Buffer<int> labels; Buffer<real> losses, gradient; int columns; real smoothing, per_row; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const Team team(k.columns);
            const real uniform = k.smoothing / k.columns, of_label = 1 - k.smoothing;
            for (int row = first + team.index; row < end; row += team.count)
            {
                const real* x = &k.x[row * k.columns];
                const int label = k.labels[row];
                const real largest = largest_of(team, x, k.columns);
                real exponentials = 0, above = 0;
                for (int i = team.rank; i < k.columns; i += team.size)
                {
                    exponentials += Exp(x[i] - largest);
                    above += x[i] - largest;
                }
                const real sum = team.sum(exponentials), scale = k.per_row / sum;
                real loss = Log(sum) - of_label * (x[label] - largest);
                if (k.smoothing > 0)
                    loss -= uniform * team.sum(above);
                if (team.rank == 0)
                    k.losses[row] = loss;
                for (int i = team.rank; i < k.columns && k.gradient.exists(); i += team.size)
                {
                    const real target = i == label ? uniform + of_label : uniform;
                    k.gradient[row * k.columns + i] = scale * Exp(x[i] - largest) - target * k.per_row;
                }
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        T uniform = smoothing / T.CreateChecked(columns);
        bool wantsGradient = gradient.Length > 0;
        for (int row = first; row < end; row++)
        {
            int label = ((int*)labels.Address)[row];
            DeviceBuffer<T> from = x.Slice(row * columns, columns);
            DeviceBuffer<T> to = wantsGradient ? gradient.Slice(row * columns, columns) : default;
            V largest = RowExp<T, V>.Largest(from);
            V sum = wantsGradient ? RowExp<T, V>.StoreAndSum(from, largest, to) : RowExp<T, V>.Sum(from, largest);

            // With z = x - largest: -sum_j q_j log p_j = log(sum e^z) - (1 - s) z_label - (s/C) sum_j z_j.
            V loss = V.Log(sum) - (V.Splat(T.One - smoothing) * (V.LoadSplat(from, label) - largest));
            if (smoothing > T.Zero)
            {
                loss -= V.Splat(uniform) * SumAbove(from, largest);
            }
            V.StoreScalar(loss, losses, row);
            if (wantsGradient)
            {
                WriteGradient(to, V.Splat(perRow) / sum, V.Splat(uniform * perRow));
                V.StoreScalar(V.LoadSplat(to, label) - V.Splat((T.One - smoothing) * perRow), to, label);
            }
        }
    }

    private static V SumAbove<V>(DeviceBuffer<T> row, V largest)
        where V : struct, ISimd<V, T>
    {
        V sum = V.Splat(T.Zero);
        for (int i = 0; i < row.Length; i += V.Width)
        {
            sum += V.Load(row, i, row.Length - i, largest) - largest;
        }
        return V.Sum(sum);
    }

    /// <summary>Turns exponentials into (p - s/C)/N.</summary>
    private static void WriteGradient<V>(DeviceBuffer<T> row, V scale, V uniform)
        where V : struct, ISimd<V, T>
    {
        for (int i = 0; i < row.Length; i += V.Width)
        {
            V.Store((scale * V.Load(row, i, row.Length - i, uniform)) - uniform, row, i, row.Length - i);
        }
    }
}

internal readonly struct SoftmaxCrossEntropyBackward<T>(DeviceBuffer<T> gradient, DeviceBuffer<T> dy, GradientSink<T> dx) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> gradient, dy; Sink dx; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first + thread_in_block(); i < end; i += threads_of_block())
                k.dx.write(i, k.dy[0] * k.gradient[i]);
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), cotangent = V.LoadSplat(dy, 0);
        for (int i = first; i < end; i += V.Width)
        {
            V g = cotangent * V.Load(gradient, i, end - i, zero);
            V.Store(dx.Accumulate ? g + V.Load(dx.Buffer, i, end - i, zero) : g, dx.Buffer, i, end - i);
        }
    }
}
