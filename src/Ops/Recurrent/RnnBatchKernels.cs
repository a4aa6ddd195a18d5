using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>The steps of a fused simple network under recurrent batch norm.</summary>
internal readonly struct RnnBatchKernels<T, TMasks>(bool addsToX, BatchStatistics<T> gates) : ISequenceKernels<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string Op => "Rnn";

    public bool AddsToX => addsToX;

    public void Forward(IBackend<T> backend, in SequenceBuffers<T> s, int step) =>
        s.RunColumns(backend, new RnnBatchForward<T, TMasks>(s, gates.At(step)));

    public void Backward(IBackend<T> backend, in SequenceBuffers<T> s, in SequenceGradients<T> d, int step) =>
        s.RunColumns(backend, new RnnBatchBackward<T, TMasks>(s, d, gates.At(step)));
}

/// <summary>A step of the simple network behind its product, some columns of all cases at a time.</summary>
internal readonly struct RnnBatchForward<T, TMasks>(SequenceBuffers<T> s, BatchStep<T> gates) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.OfBatch<TMasks>() + RnnSource.Forward + """

        struct Arguments { SequenceBuffers s; BatchStep gates; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const ColumnTeam team;
            team.each_column(first, end, [&](int j, bool is_column)
            {
                const int top = k.gates.step * s.cases;
                Statistics of[1] = {};
                measure_gates(s, k.gates, team, j, is_column, of);
                team.each_row(s.cases, is_column, [&](int n)
                {
                    make_hidden(s, n, top + n, j, Tanh(gate_sum(s, k.gates, top + n, j, of[0])));
                });
            });
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        BatchGates<T, V>.Measure(s, gates, first, end);
        for (int n = 0; n < s.Cases; n++)
        {
            BatchGates<T, V>.Make(s, gates, gates.Row(n), 0, first, end, isTanh: true);
            MakeHidden<V>(n, first, end);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeHidden<V>(int n, int first, int end)
        where V : struct, ISimd<V, T>
    {
        int row = gates.Row(n);
        V zero = V.Splat(T.Zero);
        for (int j = first; j < end; j += V.Width)
        {
            int i = (row * s.Hidden) + j, lanes = end - j;
            V y = V.Load(s.Activations, i, lanes, zero);
            if (TMasks.IsPresent)
            {
                y *= MaskReader<T, V>.Factors(s.CandidateFactors, i, lanes);
            }
            BatchHidden<T, V, TMasks>.Store(s, n, row, j, lanes, y);
        }
    }
}

/// <summary>
/// Backward of <see cref="RnnBatchForward{T, TMasks}"/>: the equation of <see cref="RnnBackward{T, TNorm, TMasks}"/>, some columns of all
/// cases at a time.
/// </summary>
internal readonly struct RnnBatchBackward<T, TMasks>(SequenceBuffers<T> s, SequenceGradients<T> d, BatchStep<T> gates) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.OfBatch<TMasks>() + RnnSource.Backward + """

        struct Arguments { SequenceBuffers s; SequenceGradients d; BatchStep gates; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const SequenceGradients& d = k.d;
            const ColumnTeam team;
            team.each_column(first, end, [&](int j, bool is_column)
            {
                const int top = k.gates.step * s.cases;
                team.each_row(s.cases, is_column, [&](int n) { give_gate(s, d, n, top + n, j); });
                gates_backward(s, d, k.gates, team, d.x, j, is_column);
            });
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int n = 0; n < s.Cases; n++)
        {
            Gate<V>(n, first, end);
        }
        BatchGates<T, V>.Backward(s, d, gates, d.X, first, end);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Gate<V>(int n, int first, int end)
        where V : struct, ISimd<V, T>
    {
        int row = gates.Row(n);
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = first; j < end; j += V.Width)
        {
            int i = (row * s.Hidden) + j, lanes = end - j;
            V y = V.Load(s.Activations, i, lanes, zero), dh = BatchHidden<T, V, TMasks>.Take(s, d, n, row, j, lanes);
            if (TMasks.IsPresent)
            {
                dh *= MaskReader<T, V>.Factors(s.CandidateFactors, i, lanes);
            }
            V.Store(dh * (one - (y * y)), d.X, i, lanes);
        }
    }
}
