using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Backward of <see cref="LstmForward{T, TGates, TCell, TMasks}"/>. With u = tanh(norm(c)), gates after their nonlinearities, and dh and dc
/// the gradients of the hidden and of the carried cell state:
/// <code>
/// do~ = dh u o (1 - o)          dnorm(c) = dh o (1 - u^2)          dc += back through norm(c)
/// df~ = dc c_prev f (1 - f)     di~ = dc g i (1 - i)               dg~ = dc i (1 - g^2)          dc_prev = dc f
/// </code>
/// The gradients with ~ are those of the input's part; back through the normalization, those of the product.
/// </summary>
internal readonly struct LstmBackward<T, TGates, TCell, TMasks>(SequenceBuffers<T> s, SequenceGradients<T> d, int step) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TGates : struct, IRowNormalizer
    where TCell : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.Of<TGates, TCell, TMasks>() + LstmSource.Backward + """

        struct Arguments { SequenceBuffers s; SequenceGradients d; int step; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const SequenceGradients& d = k.d;
            const int h = s.hidden;
            const bool is_carried = Cell::is_present && s.carries_normalized;
            for (int n = first; n < end; n++)
            {
                const int row = k.step * s.cases + n, gates = row * 4 * h;
                each(h, h, [&](int j) { d.x[gates + j] = take_output(s, d, n, row, j, is_carried); });
                if (Cell::is_present)
                {
                    each(h, h, [&](int j) { d.cell_bias[chunk * h + j] += d.x[gates + j]; });
                    Cell::backward(&s.new_cells[row * h], &s.cell_gain[0], &d.x[gates], &d.x[gates], &d.cell_gain[chunk * h], h, h,
                        s.epsilon, Cell::saved(s.cell_mean, s.cell_rstd, row));
                }
                each(h, h, [&](int j) { give_gates(s, d, n, row, j, d.x[gates + j], is_carried); });
                gates_backward<Gates>(s, d, d.x, row, chunk);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden;
        for (int n = first; n < end; n++)
        {
            int row = (step * s.Cases) + n;
            DeviceBuffer<T> gradient = SequenceBuffers<T>.Row(d.X, row, 4 * h), dnorm = gradient.Slice(0, h);
            Output<V>(n, row, gradient);
            if (TCell.IsPresent)
            {
                if (s.CarriesNormalized)
                {
                    AddCarried<V>(n, row, dnorm);
                }
                GroupGradients<T> cell = new(
                    SequenceBuffers<T>.Row(s.NewCells, row, h), s.CellGain, dnorm, dnorm, d.CellGain.Slice(chunk * h, h),
                    s.CellMean, s.CellRstd, row);
                RowNormalizer<T, V, TCell>.Backward<No>(cell, cell, d.CellBias.Slice(chunk * h, h), s.Epsilon);
            }
            Gates<V>(n, row, gradient);
            GateKernels<T, V, TGates>.Backward(s, d, d.X, row, chunk);
        }
    }

    /// <summary>From dh: do~, and the gradient of norm(c), which waits in the place of df~.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Output<V>(int n, int row, DeviceBuffer<T> gradient)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden;
        DeviceBuffer<T> output = s.Activations.Slice((row * 4 * h) + (2 * h), h), squashed = SequenceBuffers<T>.Row(s.CellTanh, row, h);
        DeviceBuffer<T> outputs = SequenceBuffers<T>.Row(d.Outputs, row, h), fromProduct = SequenceBuffers<T>.Row(d.FromProduct, n, h);
        DeviceBuffer<T> dnorm = gradient.Slice(0, h), doutput = gradient.Slice(2 * h, h);
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V dh;
            if (TMasks.IsPresent)
            {
                dh = HiddenGradient<T, V>.Take(s, d, n, row, j, count);
            }
            else
            {
                dh = V.Load(outputs, j, count, zero) + V.Load(fromProduct, j, count, zero);
            }
            V o = V.Load(output, j, count, zero), u = V.Load(squashed, j, count, zero), dho = dh * o;
            V.Store(dho * u * (one - o), doutput, j, count);
            V.Store(dho * (one - (u * u)), dnorm, j, count);
        }
    }

    /// <summary>dc = dnorm(c) + share dcarried, then df~, di~, dg~ and dc_prev.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Gates<V>(int n, int row, DeviceBuffer<T> gradient)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden;
        bool addsCarried = !(TCell.IsPresent && s.CarriesNormalized);
        DeviceBuffer<T> gates = SequenceBuffers<T>.Row(s.Activations, row, 4 * h), previous = SequenceBuffers<T>.Row(s.Cells, row, h);
        DeviceBuffer<T> carried = SequenceBuffers<T>.Row(d.Cell, n, h);
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), padding = TMasks.IsPresent ? MaskReader<T, V>.Padding(s.Padding, row) : one;
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V f = V.Load(gates, j, count, zero), i = V.Load(gates, h + j, count, zero), g = V.Load(gates, (3 * h) + j, count, zero);
            V dc = V.Load(gradient, j, count, zero), dcarried = V.Load(carried, j, count, zero), direct = zero, dropped = g, di = i;
            if (TMasks.IsPresent)
            {
                V share = padding * MaskReader<T, V>.Factors(s.CellShare, (row * h) + j, count);
                direct = (one - share) * dcarried;
                dcarried *= share;
                V factor = MaskReader<T, V>.Factors(s.CandidateFactors, (row * h) + j, count);
                dropped = g * factor;
                di = i * factor;
            }
            if (addsCarried)
            {
                dc += dcarried;
            }
            V.Store(dc * V.Load(previous, j, count, zero) * f * (one - f), gradient, j, count);
            V.Store(dc * dropped * i * (one - i), gradient, h + j, count);
            V.Store(dc * di * (one - (g * g)), gradient, (3 * h) + j, count);
            V.Store(TMasks.IsPresent ? V.MultiplyAdd(dc, f, direct) : dc * f, carried, j, count);
        }
    }

    /// <summary>Where the normalized cell state is carried: dnorm(c) += share dcarried.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AddCarried<V>(int n, int row, DeviceBuffer<T> dnorm)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden;
        V zero = V.Splat(T.Zero), padding = TMasks.IsPresent ? MaskReader<T, V>.Padding(s.Padding, row) : V.Splat(T.One);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V dcarried = V.Load(d.Cell, (n * h) + j, count, zero);
            if (TMasks.IsPresent)
            {
                dcarried *= padding * MaskReader<T, V>.Factors(s.CellShare, (row * h) + j, count);
            }
            V.Store(V.Load(dnorm, j, count, zero) + dcarried, dnorm, j, count);
        }
    }
}
