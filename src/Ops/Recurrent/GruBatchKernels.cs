using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>The steps of a fused gated recurrent unit under recurrent batch norm.</summary>
internal readonly struct GruBatchKernels<T, TMasks>(BatchStatistics<T> gates) : ISequenceKernels<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string Op => "Gru";

    public bool AddsToX => false;

    public void Forward(IBackend<T> backend, in SequenceBuffers<T> s, int step) =>
        s.RunColumns(backend, new GruBatchForward<T, TMasks>(s, gates.At(step)));

    public void Backward(IBackend<T> backend, in SequenceBuffers<T> s, in SequenceGradients<T> d, int step) =>
        s.RunColumns(backend, new GruBatchBackward<T, TMasks>(s, d, gates.At(step)));
}

/// <summary>
/// A step of the gated recurrent unit behind its product, some columns of all cases at a time: a column of the state needs only the same
/// column of the gates and of the candidate.
/// </summary>
internal readonly struct GruBatchForward<T, TMasks>(SequenceBuffers<T> s, BatchStep<T> gates) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.OfBatch<TMasks>() + GruSource.Forward + """

        struct Arguments { SequenceBuffers s; BatchStep gates; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const ColumnTeam team;
            team.each_column(first, end, [&](int j, bool is_column)
            {
                const int h = s.hidden, top = k.gates.step * s.cases;
                Statistics of[3] = {};
                measure_gates(s, k.gates, team, j, is_column, of);
                team.each_row(s.cases, is_column, [&](int n)
                {
                    const int row = top + n;
                    const real z = Sigmoid(gate_sum(s, k.gates, row, j, of[0])), r = Sigmoid(gate_sum(s, k.gates, row, h + j, of[1]));
                    const real own = product_part(s, row, 2 * h + j, of[2]) + s.own_shift[j];
                    make_hidden(s, n, row, j, z, r, Tanh(MultiplyAdd(r, own, s.x[row * 3 * h + 2 * h + j])));
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
            BatchGates<T, V>.Make(s, gates, gates.Row(n), 0, first, end, isTanh: false);
            BatchGates<T, V>.Make(s, gates, gates.Row(n), 1, first, end, isTanh: false);
            MakeHidden<V>(n, first, end);
        }
    }

    /// <summary>q = tanh(X + r (gain xHat(U h) + d)), and the state that z makes of it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeHidden<V>(int n, int first, int end)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, row = gates.Row(n);
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = first; j < end; j += V.Width)
        {
            int at = (row * 3 * h) + j, i = (row * h) + j, lanes = end - j;
            V z = V.Load(s.Activations, at, lanes, zero), r = V.Load(s.Activations, at + h, lanes, zero);
            V q = V.Tanh(V.MultiplyAdd(r, GruBatchOwn<T, V>.At(s, gates, row, j, lanes), V.Load(s.X, at + (2 * h), lanes, zero)));
            V.Store(q, s.Activations, at + (2 * h), lanes);
            if (TMasks.IsPresent)
            {
                q *= MaskReader<T, V>.Factors(s.CandidateFactors, i, lanes);
            }
            V keep = s.Replaces ? one - z : z, renew = s.Replaces ? z : one - z;
            BatchHidden<T, V, TMasks>.Store(s, n, row, j, lanes, V.MultiplyAdd(keep, V.Load(s.States, i, lanes, zero), renew * q));
        }
    }
}

/// <summary>The candidate's own part, gain xHat(U h) + d.</summary>
internal static class GruBatchOwn<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V At(in SequenceBuffers<T> s, in BatchStep<T> gates, int row, int j, int lanes)
    {
        int feature = (2 * s.Hidden) + j;
        V zero = V.Splat(T.Zero), product = V.Load(s.Product, (row * s.Features) + feature, lanes, zero);
        return BatchGates<T, V>.Normalize(s, gates, feature, product, V.Load(s.OwnShift, j, lanes, zero), lanes);
    }
}

/// <summary>
/// Backward of <see cref="GruBatchForward{T, TMasks}"/>: the equations of <see cref="GruBackward{T, TNorm, TMasks}"/>, some columns of all
/// cases at a time.
/// </summary>
internal readonly struct GruBatchBackward<T, TMasks>(SequenceBuffers<T> s, SequenceGradients<T> d, BatchStep<T> gates) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.OfBatch<TMasks>() + GruSource.Backward + """

        struct Arguments { SequenceBuffers s; SequenceGradients d; BatchStep gates; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const SequenceGradients& d = k.d;
            const ColumnTeam team;
            team.each_column(first, end, [&](int j, bool is_column)
            {
                const int h = s.hidden, top = k.gates.step * s.cases, candidate = k.gates.step * 3 * h + 2 * h + j;
                const Statistics of = {k.gates.mean[candidate], k.gates.rstd[candidate]};
                real sum = 0;
                team.each_row(s.cases, is_column, [&](int n)
                {
                    sum += give_gates(s, d, n, top + n, j, product_part(s, top + n, 2 * h + j, of) + s.own_shift[j]);
                });
                sum = team.sum(sum);
                if (is_column && team.first_row == 0)
                    d.own_shift[j] += sum;
                gates_backward(s, d, k.gates, team, d.product, j, is_column);
            });
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int n = 0; n < s.Cases; n++)
        {
            Gates<V>(n, first, end);
        }
        BatchGates<T, V>.Backward(s, d, gates, d.Product, first, end);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Gates<V>(int n, int first, int end)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, row = gates.Row(n);
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = first; j < end; j += V.Width)
        {
            int at = (row * 3 * h) + j, i = (row * h) + j, here = (n * h) + j, lanes = end - j;
            V z = V.Load(s.Activations, at, lanes, zero), r = V.Load(s.Activations, at + h, lanes, zero);
            V q = V.Load(s.Activations, at + (2 * h), lanes, zero), keep = s.Replaces ? one - z : z, renew = s.Replaces ? z : one - z;
            V dh = BatchHidden<T, V, TMasks>.Take(s, d, n, row, j, lanes), direct = V.Load(d.Direct, here, lanes, zero), factor = one;
            if (TMasks.IsPresent)
            {
                // What was passed on is counted in dh; what is there now has to be passed further.
                factor = MaskReader<T, V>.Factors(s.CandidateFactors, i, lanes);
                direct = V.MultiplyAdd(dh, keep, direct);
            }
            else
            {
                dh += direct;
                direct = dh * keep;
            }
            V difference = V.Load(s.States, i, lanes, zero) - (q * factor);
            V dz = dh * (s.Replaces ? -difference : difference) * z * (one - z), dq = dh * renew * factor * (one - (q * q));
            V dr = dq * GruBatchOwn<T, V>.At(s, gates, row, j, lanes) * r * (one - r), down = dq * r;
            V.Store(direct, d.Direct, here, lanes);
            V.Store(V.Load(d.OwnShift, j, lanes, zero) + down, d.OwnShift, j, lanes);
            Store(dz, dr, dq, d.X, at, lanes);
            Store(dz, dr, down, d.Product, at, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Store<V>(V dz, V dr, V candidate, DeviceBuffer<T> to, int at, int lanes)
        where V : struct, ISimd<V, T>
    {
        V.Store(dz, to, at, lanes);
        V.Store(dr, to, at + s.Hidden, lanes);
        V.Store(candidate, to, at + (2 * s.Hidden), lanes);
    }
}
