using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Right operands in the order in which the micro-kernel reads them, made once and used by many products.</summary>
/// <remarks>
/// Panel after panel of NR columns: for each step over K, the numbers of the panel's columns next to each other. The last panel has as
/// many vectors as hold its columns, and is padded with zeros.
/// </remarks>
internal static unsafe class PackedB<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    private const int ElementsPerChunk = 16384;

    private static int NR => GemmMicroKernel<T, V>.NR;

    /// <summary>Packs <paramref name="b"/>, or nothing for a B so narrow that dot products are faster, which read it as it is.</summary>
    public static Scratch<T> Pack(WorkerPool workers, BufferPool pool, DeviceBuffer<T> b, int k, int n, bool transposed)
    {
        if (n <= GemmDot<T, V>.FewColumns || k == 0)
        {
            return pool.RentScratch<T>(0);
        }
        Scratch<T> packed = pool.RentScratch<T>((int)Length(k, n));
        Pack(workers, b, k, n, transposed, (T*)packed.Buffer.Address);
        return packed;
    }

    /// <summary>Packs <paramref name="b"/> to <paramref name="to"/>, which has room for <see cref="Length"/> elements.</summary>
    public static DeviceBuffer<T> Pack(WorkerPool workers, DeviceBuffer<T> b, int k, int n, bool transposed, T* to)
    {
        int panels = (n + NR - 1) / NR, panelsPerChunk = Math.Max(1, ElementsPerChunk / (NR * k));
        Job job = new((T*)b.Address, k, n, transposed, to, panelsPerChunk);
        workers.Run(job, (panels + panelsPerChunk - 1) / panelsPerChunk);
        return new((nint)to, (int)Length(k, n));
    }

    /// <summary>The elements of a packed B of <paramref name="k"/> x <paramref name="n"/>, padding included.</summary>
    public static nint Length(int k, int n) => (nint)k * ((n / NR * NR) + PanelWidth(n % NR));

    /// <summary>The columns of a panel with <paramref name="columns"/> columns of B, padding included.</summary>
    public static int PanelWidth(int columns) => (columns + V.Width - 1) / V.Width * V.Width;

    /// <summary>Packs the steps from <paramref name="step"/> on of the columns from <paramref name="column"/> on of a B of k x n.</summary>
    public static void PackPanel(T* b, int k, int n, bool transposed, int step, int depth, int column, int columns, T* to)
    {
        int width = PanelWidth(columns);
        if (transposed)
        {
            GemmPacking<T, V>.Transpose(b + ((nint)column * k) + step, k, depth, columns, to, width);
        }
        else
        {
            GemmPacking<T, V>.CopyRows(b + ((nint)step * n) + column, n, depth, columns, to, width);
        }
    }

    private readonly struct Job(T* b, int k, int n, bool transposed, T* to, int panelsPerChunk) : IChunkJob
    {
        public void Run(int chunk)
        {
            int first = chunk * panelsPerChunk * NR, end = Math.Min(n, first + (panelsPerChunk * NR));
            for (int column = first; column < end; column += NR)
            {
                PackPanel(b, k, n, transposed, 0, k, column, Math.Min(NR, n - column), to + ((nint)column * k));
            }
        }
    }
}
