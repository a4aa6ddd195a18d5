using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The steps of a fused LSTM under recurrent batch norm. Statistics go down the columns, and a column of the cell state needs only the same
/// column of the four gates, so that one kernel over columns does the whole step.
/// </summary>
internal readonly struct LstmBatchKernels<T, TMasks>(
    bool addsToX, BatchStatistics<T> gates, BatchStatistics<T> cells) : ISequenceKernels<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string Op => "Lstm";

    public bool AddsToX => addsToX;

    public void Forward(IBackend<T> backend, in SequenceBuffers<T> s, int step) =>
        s.RunColumns(backend, new LstmBatchForward<T, TMasks>(s, gates.At(step), cells.At(step), step));

    public void Backward(IBackend<T> backend, in SequenceBuffers<T> s, in SequenceGradients<T> d, int step) =>
        s.RunColumns(backend, new LstmBatchBackward<T, TMasks>(s, d, gates.At(step), cells.At(step), step));
}

/// <summary>
/// A step of the LSTM behind its product, some columns of all cases at a time: statistics of the four gates' products, the gates, the
/// cell state, its statistics, the hidden state.
/// </summary>
internal readonly struct LstmBatchForward<T, TMasks>(SequenceBuffers<T> s, BatchStep<T> gates, BatchStep<T> cells, int step) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.OfBatch<TMasks>() + LstmSource.Forward + """

        struct Arguments { SequenceBuffers s; BatchStep gates, cells; int step; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const ColumnTeam team;
            team.each_column(first, end, [&](int j, bool is_column)
            {
                const int h = s.hidden, top = k.step * s.cases;
                Statistics of[4] = {};
                measure_gates(s, k.gates, team, j, is_column, of);
                team.each_row(s.cases, is_column, [&](int n)
                {
                    const int row = top + n;
                    const real f = Sigmoid(gate_sum(s, k.gates, row, j, of[0])), i = Sigmoid(gate_sum(s, k.gates, row, h + j, of[1]));
                    const real o = Sigmoid(gate_sum(s, k.gates, row, 2 * h + j, of[2]));
                    make_cell(s, row, j, f, i, o, Tanh(gate_sum(s, k.gates, row, 3 * h + j, of[3])));
                });
                Statistics of_cell = {0, 1};
                if (is_there(k.cells))
                {
                    wait_for_block();
                    of_cell = measure(k.cells, k.step, team, is_column, &s.new_cells[top * h + j], h, k.step * h + j);
                }
                team.each_row(s.cases, is_column, [&](int n)
                {
                    const real cell = s.new_cells[(top + n) * h + j], x_hat = (cell - of_cell.mean) * of_cell.rstd;
                    make_hidden(s, n, top + n, j, is_there(k.cells) ? MultiplyAdd(s.cell_gain[j], x_hat, s.cell_bias[j]) : cell);
                });
            });
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int gate = 0; gate < 4; gate++)
        {
            BatchGates<T, V>.Measure(s, gates, gate, first, end);
            for (int n = 0; n < s.Cases; n++)
            {
                BatchGates<T, V>.Make(s, gates, (step * s.Cases) + n, gate, first, end, isTanh: gate == 3);
            }
        }
        for (int n = 0; n < s.Cases; n++)
        {
            MakeCell<V>(n, first, end);
        }
        if (cells.IsPresent)
        {
            BatchColumns<T, V>.Measure(cells, s.Step(s.NewCells, step, s.Hidden), first, (step * s.Hidden) + first, end - first);
        }
        for (int n = 0; n < s.Cases; n++)
        {
            MakeHidden<V>(n, first, end);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeCell<V>(int n, int first, int end)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, row = (step * s.Cases) + n;
        V zero = V.Splat(T.Zero);
        for (int j = first; j < end; j += V.Width)
        {
            int at = (row * 4 * h) + j, cell = (row * h) + j, lanes = end - j;
            V f = V.Load(s.Activations, at, lanes, zero), i = V.Load(s.Activations, at + h, lanes, zero);
            V g = V.Load(s.Activations, at + (3 * h), lanes, zero);
            if (TMasks.IsPresent)
            {
                g *= MaskReader<T, V>.Factors(s.CandidateFactors, cell, lanes);
            }
            V.Store(V.MultiplyAdd(f, V.Load(s.Cells, cell, lanes, zero), i * g), s.NewCells, cell, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeHidden<V>(int n, int first, int end)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, block = s.Cases * h, row = (step * s.Cases) + n;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One), padding = TMasks.IsPresent ? MaskReader<T, V>.Padding(s.Padding, row) : one;
        for (int j = first; j < end; j += V.Width)
        {
            int i = (row * h) + j, at = (step * h) + j, lanes = end - j;
            V cell = V.Load(s.NewCells, i, lanes, zero), normalized = cell;
            if (cells.IsPresent)
            {
                V scale = V.Load(s.CellGain, j, lanes, zero) * V.Load(cells.Rstd, at, lanes, zero);
                normalized = V.MultiplyAdd(cell - V.Load(cells.Mean, at, lanes, zero), scale, V.Load(s.CellBias, j, lanes, zero));
            }
            V u = V.Tanh(normalized), hidden = u * V.Load(s.Activations, (row * 4 * h) + (2 * h) + j, lanes, zero);
            V carried = s.CarriesNormalized ? normalized : cell;
            V.Store(u, s.CellTanh, i, lanes);
            if (TMasks.IsPresent)
            {
                V share = padding * MaskReader<T, V>.Factors(s.CellShare, i, lanes);
                carried = (share * carried) + ((one - share) * V.Load(s.Cells, i, lanes, zero));
            }
            BatchHidden<T, V, TMasks>.Store(s, n, row, j, lanes, hidden);
            V.Store(carried, s.Cells, i + block, lanes);
        }
    }
}

/// <summary>
/// Backward of <see cref="LstmBatchForward{T, TMasks}"/>: the equations of <see cref="LstmBackward{T, TGates, TCell, TMasks}"/>, some
/// columns of all cases at a time.
/// </summary>
internal readonly struct LstmBatchBackward<T, TMasks>(
    SequenceBuffers<T> s, SequenceGradients<T> d, BatchStep<T> gates, BatchStep<T> cells, int step) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.OfBatch<TMasks>() + LstmSource.Backward + """

        struct Arguments { SequenceBuffers s; SequenceGradients d; BatchStep gates, cells; int step; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const SequenceGradients& d = k.d;
            const ColumnTeam team;
            team.each_column(first, end, [&](int j, bool is_column)
            {
                const int h = s.hidden, top = k.step * s.cases;
                const bool is_carried = is_there(k.cells) && s.carries_normalized;
                team.each_row(s.cases, is_column, [&](int n)
                {
                    d.cell_gradients[n * h + j] = take_output(s, d, n, top + n, j, is_carried);
                });
                if (is_there(k.cells))
                    backward(k.cells, k.step, team, is_column, &s.new_cells[top * h + j], &d.cell_gradients[j], &d.cell_gradients[j], h,
                        k.step * h + j, s.cell_gain[j], d.cell_gain[j], &d.cell_bias[j]);
                team.each_row(s.cases, is_column, [&](int n)
                {
                    give_gates(s, d, n, top + n, j, d.cell_gradients[n * h + j], is_carried);
                });
                gates_backward(s, d, k.gates, team, d.x, j, is_column);
            });
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden;
        for (int n = 0; n < s.Cases; n++)
        {
            Output<V>(n, first, end);
        }
        if (cells.IsPresent)
        {
            BatchColumns<T, V>.Backward(
                cells, s.Step(s.NewCells, step, h), d.CellGradients, d.CellGradients, s.CellGain, d.CellGain, d.CellBias,
                first, (step * h) + first, end - first);
        }
        for (int n = 0; n < s.Cases; n++)
        {
            Gates<V>(n, first, end);
        }
        if (gates.IsPresent)
        {
            BatchGates<T, V>.Backward(s, d, gates, d.X, first, end);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Output<V>(int n, int first, int end)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, row = (step * s.Cases) + n;
        bool addsCarried = cells.IsPresent && s.CarriesNormalized;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = first; j < end; j += V.Width)
        {
            int lanes = end - j, i = (row * h) + j, here = (n * h) + j, output = (row * 4 * h) + (2 * h) + j;
            V dh = BatchHidden<T, V, TMasks>.Take(s, d, n, row, j, lanes);
            V o = V.Load(s.Activations, output, lanes, zero), u = V.Load(s.CellTanh, i, lanes, zero), dho = dh * o;
            V dnorm = dho * (one - (u * u));
            if (addsCarried)
            {
                V dcarried = V.Load(d.Cell, here, lanes, zero);
                dnorm += TMasks.IsPresent ? CellShare<V>(row, i, lanes) * dcarried : dcarried;
            }
            V.Store(dho * u * (one - o), d.X, output, lanes);
            V.Store(dnorm, d.CellGradients, here, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Gates<V>(int n, int first, int end)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, row = (step * s.Cases) + n;
        bool addsCarried = !cells.IsPresent || !s.CarriesNormalized;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = first; j < end; j += V.Width)
        {
            int lanes = end - j, at = (row * 4 * h) + j, cell = (row * h) + j, here = (n * h) + j;
            V f = V.Load(s.Activations, at, lanes, zero), i = V.Load(s.Activations, at + h, lanes, zero);
            V g = V.Load(s.Activations, at + (3 * h), lanes, zero), factor = one;
            V dc = V.Load(d.CellGradients, here, lanes, zero), dcarried = V.Load(d.Cell, here, lanes, zero), direct = zero;
            if (TMasks.IsPresent)
            {
                V share = CellShare<V>(row, cell, lanes);
                direct = (one - share) * dcarried;
                dcarried *= share;
                factor = MaskReader<T, V>.Factors(s.CandidateFactors, cell, lanes);
            }
            if (addsCarried)
            {
                dc += dcarried;
            }
            V.Store(dc * V.Load(s.Cells, cell, lanes, zero) * f * (one - f), d.X, at, lanes);
            V.Store(dc * g * factor * i * (one - i), d.X, at + h, lanes);
            V.Store(dc * i * factor * (one - (g * g)), d.X, at + (3 * h), lanes);
            V.Store(V.MultiplyAdd(dc, f, direct), d.Cell, here, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V CellShare<V>(int row, int i, int lanes)
        where V : struct, ISimd<V, T> => MaskReader<T, V>.Padding(s.Padding, row) * MaskReader<T, V>.Factors(s.CellShare, i, lanes);
}
