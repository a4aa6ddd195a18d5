using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y_i = e^(x_i) / sum_j e^(x_j), over an axis. With dy_i/dx_j = y_i ([i = j] - y_j):
/// <code>
/// dx = y (dy - sum_j dy_j y_j)
/// </code>
/// Saves y, which is all that backward needs.
/// </summary>
public static class SoftmaxExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Positive numbers that sum to 1 along an axis. Safe for inputs of any size.</summary>
        /// <param name="axis">The axis; negative ones count from the end. Another than the last is transposed there and back.</param>
        /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
        [GradCheck("3x5", Low = -3, High = 3)]
        public Tensor<T> Softmax(int axis = -1)
        {
            Tape<T> tape = Operands.TapeOf("Softmax", x);
            if (x.Shape.NormalizeAxis(axis) != x.Shape.Rank - 1)
            {
                return x.Transpose(axis, -1).Softmax().Transpose(axis, -1);
            }
            int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
            Tensor<T> y = tape.NewResult(x.Shape, x.NeedsGradient);
            tape.Backend.Run(new SoftmaxForward<T>(x.Value, y.Value, columns), rows, RowChunks.Grain(rows, columns));
            if (y.NeedsGradient)
            {
                tape.Record<SoftmaxNode<T>>(y, x);
            }
            return y;
        }
    }

    [GradCheck("4x3x2", Low = -3, High = 3)]
    private static Tensor<T> SoftmaxOuter<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Softmax(0);
}

internal sealed class SoftmaxNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public override string Op => "Softmax";

    public override void Backward(IBackend<T> backend)
    {
        int columns = Output.Shape[-1], rows = Output.Shape.ElementCount / columns;
        backend.Run(
            new SoftmaxBackward<T>(Output.Value, Output.Gradient, Inputs[0].GradientSink(), columns),
            rows, RowChunks.Grain(rows, columns));
    }
}

internal readonly struct SoftmaxForward<T>(DeviceBuffer<T> x, DeviceBuffer<T> y, int columns) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => RowExp.DeviceSource + """
        struct Arguments { Buffer<real> x, y; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const Team team(k.columns);
            for (int row = first + team.index; row < end; row += team.count)
            {
                const real* x = &k.x[row * k.columns];
                const real largest = largest_of(team, x, k.columns), scale = 1 / sum_of_exp(team, x, k.columns, largest);
                for (int i = team.rank; i < k.columns; i += team.size)
                    k.y[row * k.columns + i] = scale * Exp(x[i] - largest);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V one = V.Splat(T.One);
        for (int row = first; row < end; row++)
        {
            DeviceBuffer<T> from = x.Slice(row * columns, columns), to = y.Slice(row * columns, columns);
            V scale = one / RowExp<T, V>.StoreAndSum(from, RowExp<T, V>.Largest(from), to);
            for (int i = 0; i < columns; i += V.Width)
            {
                V.Store(scale * V.Load(to, i, columns - i, one), to, i, columns - i);
            }
        }
    }
}

internal readonly struct SoftmaxBackward<T>(DeviceBuffer<T> y, DeviceBuffer<T> dy, GradientSink<T> dx, int columns) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> y, dy; Sink dx; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const Team team(k.columns);
            for (int row = first + team.index; row < end; row += team.count)
            {
                const int start = row * k.columns;
                real dot = 0;
                for (int i = start + team.rank; i < start + k.columns; i += team.size)
                    dot = MultiplyAdd(k.y[i], k.dy[i], dot);
                const real average = team.sum(dot);
                for (int i = start + team.rank; i < start + k.columns; i += team.size)
                    k.dx.write(i, k.y[i] * (k.dy[i] - average));
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero);
        for (int row = first; row < end; row++)
        {
            DeviceBuffer<T> output = y.Slice(row * columns, columns), cotangent = dy.Slice(row * columns, columns);
            DeviceBuffer<T> to = dx.Buffer.Slice(row * columns, columns);
            V dot = zero;
            for (int i = 0; i < columns; i += V.Width)
            {
                dot = V.MultiplyAdd(V.Load(output, i, columns - i, zero), V.Load(cotangent, i, columns - i, zero), dot);
            }
            V average = V.Sum(dot);
            for (int i = 0; i < columns; i += V.Width)
            {
                int count = columns - i;
                V g = V.Load(output, i, count, zero) * (V.Load(cotangent, i, count, zero) - average);
                V.Store(dx.Accumulate ? g + V.Load(to, i, count, zero) : g, to, i, count);
            }
        }
    }
}
