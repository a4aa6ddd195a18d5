using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>Takes from a gradient each column of the weights, times one number per column: dw -= w diag(shares).</summary>
internal readonly struct ColumnShares<T> : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int ElementsPerChunk = 16384;

    private readonly DeviceBuffer<T> w, shares;
    private readonly GradientSink<T> dw;
    private readonly int columns;

    private ColumnShares(DeviceBuffer<T> w, DeviceBuffer<T> shares, GradientSink<T> dw) =>
        (this.w, this.shares, this.dw, columns) = (w, shares, dw, shares.Length);

    /// <summary>Does it for all of <paramref name="w"/>, whose last extent is the number of shares.</summary>
    public static void Take(IBackend<T> backend, DeviceBuffer<T> w, DeviceBuffer<T> shares, GradientSink<T> dw) =>
        backend.Run(new ColumnShares<T>(w, shares, dw), w.Length / shares.Length, Math.Max(1, ElementsPerChunk / shares.Length));

    public static string DeviceSource => """
        struct Arguments { Buffer<real> w, shares; Sink dw; int columns; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int i = first * k.columns + thread_in_block(); i < end * k.columns; i += threads_of_block())
                k.dw.write(i, -k.shares[i % k.columns] * k.w[i]);
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        DeviceBuffer<T> from = w, factors = shares, to = dw.Buffer;
        bool accumulate = dw.Accumulate;
        V zero = V.Splat(T.Zero);
        int step = columns;
        for (int row = first * step; row < end * step; row += step)
        {
            int i = 0;
            for (; i <= step - V.Width; i += V.Width)
            {
                V old = accumulate ? V.Load(to, row + i) : zero;
                V.Store(old - (V.Load(factors, i) * V.Load(from, row + i)), to, row + i);
            }
            if (i < step)
            {
                int count = step - i;
                V old = accumulate ? V.Load(to, row + i, count, zero) : zero;
                V.Store(old - (V.Load(factors, i, count, zero) * V.Load(from, row + i, count, zero)), to, row + i, count);
            }
        }
    }
}
