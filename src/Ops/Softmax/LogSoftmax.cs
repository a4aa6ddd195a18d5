using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y_i = x_i - log(sum_j e^(x_j)), over an axis: the logarithm of softmax, exact where softmax itself would round to 0. With p = e^y:
/// <code>
/// dx = dy - p sum_j dy_j
/// </code>
/// since dy_i/dx_j = [i = j] - p_j. Saves y.
/// </summary>
public static class LogSoftmaxExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>Logarithms of numbers that sum to 1 along an axis. Safe for inputs of any size.</summary>
        /// <param name="axis">The axis; negative ones count from the end. Another than the last is transposed there and back.</param>
        /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
        [GradCheck("3x5", Low = -3, High = 3)]
        public Tensor<T> LogSoftmax(int axis = -1)
        {
            Tape<T> tape = Operands.TapeOf("LogSoftmax", x);
            if (x.Shape.NormalizeAxis(axis) != x.Shape.Rank - 1)
            {
                return x.Transpose(axis, -1).LogSoftmax().Transpose(axis, -1);
            }
            int columns = x.Shape[-1], rows = x.Shape.ElementCount / columns;
            Tensor<T> y = tape.NewResult(x.Shape, x.NeedsGradient);
            tape.Backend.Run(new LogSoftmaxForward<T>(x.Value, y.Value, columns), rows, RowChunks.Grain(rows, columns));
            if (y.NeedsGradient)
            {
                tape.Record<LogSoftmaxNode<T>>(y, x);
            }
            return y;
        }
    }

    [GradCheck("4x3x2", Low = -3, High = 3)]
    private static Tensor<T> LogSoftmaxMiddle<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.LogSoftmax(1);
}

internal sealed class LogSoftmaxNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public override string Op => "LogSoftmax";

    public override void Backward(IBackend<T> backend)
    {
        int columns = Output.Shape[-1], rows = Output.Shape.ElementCount / columns;
        backend.Run(
            new LogSoftmaxBackward<T>(Output.Value, Output.Gradient, Inputs[0].GradientSink(), columns),
            rows, RowChunks.Grain(rows, columns));
    }
}

internal readonly struct LogSoftmaxForward<T>(DeviceBuffer<T> x, DeviceBuffer<T> y, int columns) : IKernel<T>
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
                const real largest = largest_of(team, x, k.columns), log = Log(sum_of_exp(team, x, k.columns, largest));
                for (int i = team.rank; i < k.columns; i += team.size)
                    k.y[row * k.columns + i] = x[i] - largest - log;
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero);
        for (int row = first; row < end; row++)
        {
            DeviceBuffer<T> from = x.Slice(row * columns, columns), to = y.Slice(row * columns, columns);
            V largest = RowExp<T, V>.Largest(from), log = V.Log(RowExp<T, V>.Sum(from, largest));
            for (int i = 0; i < columns; i += V.Width)
            {
                // Not x - (largest + log): where logits are large, that sum would round the logarithm away.
                V.Store(V.Load(from, i, columns - i, zero) - largest - log, to, i, columns - i);
            }
        }
    }
}

internal readonly struct LogSoftmaxBackward<T>(DeviceBuffer<T> y, DeviceBuffer<T> dy, GradientSink<T> dx, int columns) : IKernel<T>
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
                real total = 0;
                for (int i = start + team.rank; i < start + k.columns; i += team.size)
                    total += k.dy[i];
                const real sum = team.sum(total);
                for (int i = start + team.rank; i < start + k.columns; i += team.size)
                    k.dx.write(i, k.dy[i] - Exp(k.y[i]) * sum);
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
            V total = zero;
            for (int i = 0; i < columns; i += V.Width)
            {
                total += V.Load(cotangent, i, columns - i, zero);
            }
            V sum = V.Sum(total);
            for (int i = 0; i < columns; i += V.Width)
            {
                int count = columns - i;
                V g = V.Load(cotangent, i, count, zero) - (V.Exp(V.Load(output, i, count, zero)) * sum);
                V.Store(dx.Accumulate ? g + V.Load(to, i, count, zero) : g, to, i, count);
            }
        }
    }
}
