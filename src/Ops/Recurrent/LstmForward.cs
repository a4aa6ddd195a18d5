using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// A step of the LSTM (<see cref="LstmCell{T}"/>) behind its product, case by case: the product's statistics, the gates, the cell state,
/// its statistics, the hidden state. A case's gates stay in the first-level cache from one loop to the next.
/// </summary>
internal readonly struct LstmForward<T, TGates, TCell, TMasks>(SequenceBuffers<T> s, int step) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TGates : struct, IRowNormalizer
    where TCell : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.Of<TGates, TCell, TMasks>() + LstmSource.Forward + """

        struct Arguments { SequenceBuffers s; int step; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const int h = s.hidden;
            for (int n = first; n < end; n++)
            {
                const int row = k.step * s.cases + n;
                GateMoments<4> of;
                measure_gates<Gates>(s, row, of);
                each(h, h, [&](int j)
                {
                    const real f = Sigmoid(gate_sum<Gates>(s, of, row, 0, j)), i = Sigmoid(gate_sum<Gates>(s, of, row, 1, j));
                    const real o = Sigmoid(gate_sum<Gates>(s, of, row, 2, j)), g = Tanh(gate_sum<Gates>(s, of, row, 3, j));
                    make_cell(s, row, j, f, i, o, g);
                });
                Moments of_cell = {0, 1};
                if (Cell::is_present)
                {
                    wait_for_block();
                    of_cell = Cell::measure(&s.new_cells[row * h], h, h, s.epsilon);
                    Cell::save(of_cell, s.cell_mean, s.cell_rstd, row);
                }
                each(h, h, [&](int j)
                {
                    const real cell = s.new_cells[row * h + j], x_hat = Cell::x_hat(cell, of_cell);
                    make_hidden(s, n, row, j, Cell::is_present ? MultiplyAdd(s.cell_gain[j], x_hat, s.cell_bias[j]) : cell);
                });
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int n = first; n < end; n++)
        {
            int row = (step * s.Cases) + n;
            GateKernels<T, V, TGates>.Measure(s, row);
            for (int gate = 0; gate < 3; gate++)
            {
                GateKernels<T, V, TGates>.Sigmoid(s, row, gate);
            }
            GateKernels<T, V, TGates>.Tanh(s, row, 3);
            MakeCell<V>(row);
            if (TCell.IsPresent)
            {
                DeviceBuffer<T> cell = SequenceBuffers<T>.Row(s.NewCells, row, s.Hidden);
                RowNormalizer<T, V, TCell>.Measure(cell, s.Epsilon, s.CellMean, s.CellRstd, row);
            }
            MakeHidden<V>(n, row);
        }
    }

    /// <summary>f c + i g; carried as it is if nothing is left to be done to it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeCell<V>(int row)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden;
        DeviceBuffer<T> gates = SequenceBuffers<T>.Row(s.Activations, row, 4 * h), previous = SequenceBuffers<T>.Row(s.Cells, row, h);
        DeviceBuffer<T> cell = SequenceBuffers<T>.Row(s.NewCells, row, h);
        bool hasFactors = TMasks.IsPresent && s.CandidateFactors.Length > 0;
        DeviceBuffer<T> factors = hasFactors ? SequenceBuffers<T>.Row(s.CandidateFactors, row, h) : default;
        V zero = V.Splat(T.Zero);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V f = V.Load(gates, j, count, zero), i = V.Load(gates, h + j, count, zero), g = V.Load(gates, (3 * h) + j, count, zero);
            if (TMasks.IsPresent)
            {
                g *= MaskReader<T, V>.Factors(factors, j, count);
            }
            V.Store(V.MultiplyAdd(f, V.Load(previous, j, count, zero), i * g), cell, j, count);
        }
    }

    /// <summary>o tanh(norm(c)), and the states that are handed on.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeHidden<V>(int n, int row)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, next = row + s.Cases;
        DeviceBuffer<T> output = s.Activations.Slice((row * 4 * h) + (2 * h), h), cell = SequenceBuffers<T>.Row(s.NewCells, row, h);
        DeviceBuffer<T> squashed = SequenceBuffers<T>.Row(s.CellTanh, row, h), state = SequenceBuffers<T>.Row(s.States, next, h);
        DeviceBuffer<T> gain = s.CellGain, bias = s.CellBias;
        V zero = V.Splat(T.Zero), mu = TCell.HasMean ? V.LoadSplat(s.CellMean, row) : zero;
        V r = TCell.IsPresent ? V.LoadSplat(s.CellRstd, row) : zero;
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V c = RowNormalizer<T, V, TCell>.XHat(cell, j, count, mu, r);
            if (TCell.IsPresent)
            {
                c = V.MultiplyAdd(V.Load(gain, j, count, zero), c, V.Load(bias, j, count, zero));
            }
            V tanh = V.Tanh(c);
            V.Store(tanh, squashed, j, count);
            V.Store(tanh * V.Load(output, j, count, zero), state, j, count);
            if (s.CarriesNormalized)
            {
                V.Store(c, s.Cells, (next * h) + j, count);
            }
        }
        if (TMasks.IsPresent)
        {
            HandOn<V>(n, row, next);
        }
    }

    /// <summary>
    /// Blends new states with previous ones where steps are padding or zoned out, and masks what enters the next product.
    /// </summary>
    private void HandOn<V>(int n, int row, int next)
        where V : struct, ISimd<V, T>
    {
        StateBlend<T, V>.Apply(s, s.HiddenShare, row, SequenceBuffers<T>.Row(s.States, next, s.Hidden), s.States);
        DeviceBuffer<T> made = s.CarriesNormalized
            ? SequenceBuffers<T>.Row(s.Cells, next, s.Hidden)
            : SequenceBuffers<T>.Row(s.NewCells, row, s.Hidden);
        StateBlend<T, V>.Apply(s, s.CellShare, row, made, s.Cells);
        StateBlend<T, V>.Enter(s, n, next);
    }
}

/// <summary>A column of a row of the LSTM in the C++ of devices, for kernels that take rows and for those that take columns.</summary>
internal static class LstmSource
{
    public const string Forward = """
        // f c + i g; keeps the gates.
        DEVICE void make_cell(const SequenceBuffers& s, int row, int j, real f, real i, real o, real g)
        {
            const int h = s.hidden, gates = row * 4 * h + j, cell = row * h + j;
            s.activations[gates] = f;
            s.activations[gates + h] = i;
            s.activations[gates + 2 * h] = o;
            s.activations[gates + 3 * h] = g;
            s.new_cells[cell] = MultiplyAdd(f, s.cells[cell], i * g * factor(s.candidate_factors, cell));
        }

        // o tanh(c), of the normalized cell state, and the states that are handed on.
        DEVICE void make_hidden(const SequenceBuffers& s, int n, int row, int j, real c)
        {
            const int h = s.hidden, here = row * h + j, next = here + s.cases * h;
            const real u = Tanh(c), made = s.carries_normalized ? c : s.new_cells[here];
            s.cell_tanh[here] = u;
            hand_on(s, n, row, j, u * s.activations[row * 4 * h + 2 * h + j]);
            const real share = share_of_new(s, s.cell_share, row, j);
            s.cells[next] = masked ? share * made + (1 - share) * s.cells[here] : made;
        }

        """;

    public const string Backward = """
        // From dh: do~, and the gradient of norm(c), with what comes back by the carried cell state if that is norm(c).
        DEVICE real take_output(const SequenceBuffers& s, const SequenceGradients& d, int n, int row, int j, bool is_carried)
        {
            const int h = s.hidden, output = row * 4 * h + 2 * h + j;
            const real o = s.activations[output], u = s.cell_tanh[row * h + j];
            const real dho = take_hidden(s, d, n, row, j) * o, dnorm = dho * (1 - u * u);
            d.x[output] = dho * u * (1 - o);
            return is_carried ? MultiplyAdd(share_of_new(s, s.cell_share, row, j), d.cell[n * h + j], dnorm) : dnorm;
        }

        // From dc, still without what comes back by the carried cell state unless that is norm(c): df~, di~, dg~ and dc_prev.
        DEVICE void give_gates(const SequenceBuffers& s, const SequenceGradients& d, int n, int row, int j, real dc, bool is_carried)
        {
            const int h = s.hidden, gates = row * 4 * h + j, cell = row * h + j, carried = n * h + j;
            const real f = s.activations[gates], i = s.activations[gates + h], g = s.activations[gates + 3 * h];
            const real share = share_of_new(s, s.cell_share, row, j), kept = factor(s.candidate_factors, cell), dcarried = d.cell[carried];
            const real dnew = is_carried ? dc : MultiplyAdd(share, dcarried, dc);
            d.x[gates] = dnew * s.cells[cell] * f * (1 - f);
            d.x[gates + h] = dnew * g * kept * i * (1 - i);
            d.x[gates + 3 * h] = dnew * i * kept * (1 - g * g);
            d.cell[carried] = masked ? MultiplyAdd(dnew, f, (1 - share) * dcarried) : dnew * f;
        }

        """;
}
