using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>A step of the gated recurrent unit (<see cref="GruCell{T}"/>) behind its product, case by case.</summary>
internal readonly struct GruForward<T, TNorm, TMasks>(SequenceBuffers<T> s, int step) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TNorm : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.Of<TNorm, TMasks>() + GruSource.Forward + """

        struct Arguments { SequenceBuffers s; int step; };

        DEVICE real gate(const SequenceBuffers& s, const GateMoments<3>& of, int row, int index, int j)
        {
            const int feature = index * s.hidden + j;
            return product_part<Gates>(s, row, feature, of.product[index]) + input_part<Gates>(s, row, feature, of.x[index]);
        }

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const int h = s.hidden;
            for (int n = first; n < end; n++)
            {
                const int row = k.step * s.cases + n;
                GateMoments<3> of;
                measure_gates<Gates>(s, row, of);
                each(h, h, [&](int j)
                {
                    const real z = Sigmoid(gate(s, of, row, 0, j)), r = Sigmoid(gate(s, of, row, 1, j));
                    const real own = product_part<Gates>(s, row, 2 * h + j, of.product[2]) + s.own_shift[j];
                    const real q = Tanh(MultiplyAdd(r, own, input_part<Gates>(s, row, 2 * h + j, of.x[2])));
                    make_hidden(s, n, row, j, z, r, q);
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
            GateKernels<T, V, TNorm>.Measure(s, row);
            GruGates<T, V, TNorm>.Sigmoid(s, row, 0);
            GruGates<T, V, TNorm>.Sigmoid(s, row, 1);
            GruGates<T, V, TNorm>.Candidate(s, row);
            MakeHidden<V>(n, row);
        }
    }

    /// <summary>h' = keep h + (1 - keep) candidate.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeHidden<V>(int n, int row)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, next = row + s.Cases;
        DeviceBuffer<T> gates = SequenceBuffers<T>.Row(s.Activations, row, 3 * h);
        DeviceBuffer<T> previous = SequenceBuffers<T>.Row(s.States, row, h), state = SequenceBuffers<T>.Row(s.States, next, h);
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V z = V.Load(gates, j, count, zero), q = V.Load(gates, (2 * h) + j, count, zero);
            if (TMasks.IsPresent)
            {
                q *= MaskReader<T, V>.Factors(s.CandidateFactors, (row * h) + j, count);
            }
            V keep = s.Replaces ? one - z : z, renew = s.Replaces ? z : one - z;
            V.Store(V.MultiplyAdd(keep, V.Load(previous, j, count, zero), renew * q), state, j, count);
        }
        if (TMasks.IsPresent)
        {
            StateBlend<T, V>.Apply(s, s.HiddenShare, row, state, s.States);
            StateBlend<T, V>.Enter(s, n, next);
        }
    }
}

/// <summary>
/// The gates of a GRU's row. The product always stands apart from the input's part, since the reset gate multiplies the candidate's product
/// alone: own = gain xHat(U h) + d, q = tanh(gainX xHat(W x) + shift + r own).
/// </summary>
internal static class GruGates<T, V, TNorm>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
    where TNorm : struct, IRowNormalizer
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sigmoid(in SequenceBuffers<T> s, int row, int gate)
    {
        GateRow<T> g = new(s, row, gate, TNorm.IsPresent);
        RowStatistics<V> of = GateKernels<T, V, TNorm>.Statistics(s, g);
        for (int j = 0; j < s.Hidden; j += V.Width)
        {
            int count = s.Hidden - j;
            V a = GateKernels<T, V, TNorm>.ProductPart(g, j, count, of) + GateKernels<T, V, TNorm>.InputPart(g, j, count, of);
            V.Store(SigmoidOp<T>.Value(a), g.Y, j, count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Candidate(in SequenceBuffers<T> s, int row)
    {
        int h = s.Hidden;
        GateRow<T> g = new(s, row, 2, TNorm.IsPresent);
        DeviceBuffer<T> reset = s.Activations.Slice((row * 3 * h) + h, h);
        RowStatistics<V> of = GateKernels<T, V, TNorm>.Statistics(s, g);
        V zero = V.Splat(T.Zero);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V own = GateKernels<T, V, TNorm>.ProductPart(g, j, count, of) + V.Load(s.OwnShift, j, count, zero);
            V a = V.MultiplyAdd(V.Load(reset, j, count, zero), own, GateKernels<T, V, TNorm>.InputPart(g, j, count, of));
            V.Store(V.Tanh(a), g.Y, j, count);
        }
    }
}

/// <summary>
/// Backward of <see cref="GruForward{T, TNorm, TMasks}"/>, written for z that keeps the state; if it replaces it, dz changes its sign and z
/// and 1 - z their places:
/// <code>
/// dz~ = dh (h_prev - q) z (1 - z)     dq~ = dh (1 - z) (1 - q^2)     dr~ = dq~ own r (1 - r)     down = dq~ r     dh_prev = dh z
/// </code>
/// [dz~; dr~; dq~] are the gradients of the input's part and [dz~; dr~; down] those of the normalized product.
/// </summary>
internal readonly struct GruBackward<T, TNorm, TMasks>(SequenceBuffers<T> s, SequenceGradients<T> d, int step) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TNorm : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.Of<TNorm, TMasks>() + GruSource.Backward + """

        struct Arguments { SequenceBuffers s; SequenceGradients d; int step; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const SequenceGradients& d = k.d;
            const int h = s.hidden;
            for (int n = first; n < end; n++)
            {
                const int row = k.step * s.cases + n, candidate = group_of(s.groups, 2 * h);
                const Moments of = Gates::saved(s.mean, s.rstd, row * group_count(s.groups) + candidate);
                each(h, h, [&](int j)
                {
                    const real own = product_part<Gates>(s, row, 2 * h + j, of) + s.own_shift[j];
                    d.own_shift[chunk * h + j] += give_gates(s, d, n, row, j, own);
                });
                gates_backward<Gates>(s, d, d.product, row, chunk);
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
            DeviceBuffer<T> dproduct = SequenceBuffers<T>.Row(d.Product, row, 3 * h);
            Gates<V>(n, row, dproduct);
            RowSum<T, V>.Add(dproduct.Slice(2 * h, h), d.OwnShift.Slice(chunk * h, h));
            GateKernels<T, V, TNorm>.Backward(s, d, d.Product, row, chunk);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Gates<V>(int n, int row, DeviceBuffer<T> dproduct)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden;
        GateRow<T> candidate = new(s, row, 2, TNorm.IsPresent);
        RowStatistics<V> of = GateKernels<T, V, TNorm>.Statistics(s, candidate);
        DeviceBuffer<T> gates = SequenceBuffers<T>.Row(s.Activations, row, 3 * h), dx = SequenceBuffers<T>.Row(d.X, row, 3 * h);
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V z = V.Load(gates, j, count, zero), r = V.Load(gates, h + j, count, zero), q = V.Load(gates, (2 * h) + j, count, zero);
            V factor = TMasks.IsPresent ? MaskReader<T, V>.Factors(s.CandidateFactors, (row * h) + j, count) : one;
            V dh = TakeGradient<V>(n, row, j, count), keep = s.Replaces ? one - z : z, renew = s.Replaces ? z : one - z;
            V difference = V.Load(s.States, (row * h) + j, count, zero) - (q * factor);
            V dz = dh * (s.Replaces ? -difference : difference) * z * (one - z), dq = dh * renew * factor * (one - (q * q));
            V own = GateKernels<T, V, TNorm>.ProductPart(candidate, j, count, of) + V.Load(s.OwnShift, j, count, zero);
            V dr = dq * own * r * (one - r), direct = dh * keep;
            V.Store(dz, dx, j, count);
            V.Store(dr, dx, h + j, count);
            V.Store(dq, dx, (2 * h) + j, count);
            V.Store(dz, dproduct, j, count);
            V.Store(dr, dproduct, h + j, count);
            V.Store(dq * r, dproduct, (2 * h) + j, count);
            V.Store(TMasks.IsPresent ? V.Load(d.Direct, (n * h) + j, count, zero) + direct : direct, d.Direct, (n * h) + j, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V TakeGradient<V>(int n, int row, int j, int count)
        where V : struct, ISimd<V, T>
    {
        if (TMasks.IsPresent)
        {
            return HiddenGradient<T, V>.Take(s, d, n, row, j, count);
        }
        V zero = V.Splat(T.Zero);
        int at = (n * s.Hidden) + j;
        V passed = V.Load(d.Direct, at, count, zero) + V.Load(d.FromProduct, at, count, zero);
        return V.Load(d.Outputs, (row * s.Hidden) + j, count, zero) + passed;
    }
}

/// <summary>A column of a row of the GRU in the C++ of devices, for kernels that take rows and for those that take columns.</summary>
internal static class GruSource
{
    public const string Forward = """
        // h' = keep h + (1 - keep) candidate; keeps the gates.
        DEVICE void make_hidden(const SequenceBuffers& s, int n, int row, int j, real z, real r, real q)
        {
            const int h = s.hidden, gates = row * 3 * h + j, here = row * h + j;
            s.activations[gates] = z;
            s.activations[gates + h] = r;
            s.activations[gates + 2 * h] = q;
            const real keep = s.replaces ? 1 - z : z, renew = s.replaces ? z : 1 - z;
            hand_on(s, n, row, j, MultiplyAdd(keep, s.states[here], renew * q * factor(s.candidate_factors, here)));
        }

        """;

    public const string Backward = """
        // dz~, dr~ and dq~, and down = dq~ r, which it returns; own is the candidate's own part.
        DEVICE real give_gates(const SequenceBuffers& s, const SequenceGradients& d, int n, int row, int j, real own)
        {
            const int h = s.hidden, gates = row * 3 * h + j, here = row * h + j, passed = n * h + j;
            const real z = s.activations[gates], r = s.activations[gates + h], q = s.activations[gates + 2 * h];
            const real kept = factor(s.candidate_factors, here), taken = take_hidden(s, d, n, row, j);
            const real dh = masked ? taken : taken + d.direct[passed];
            const real keep = s.replaces ? 1 - z : z, renew = s.replaces ? z : 1 - z, difference = s.states[here] - q * kept;
            const real dz = dh * (s.replaces ? -difference : difference) * z * (1 - z), dq = dh * renew * kept * (1 - q * q);
            const real dr = dq * own * r * (1 - r), down = dq * r;
            d.x[gates] = d.product[gates] = dz;
            d.x[gates + h] = d.product[gates + h] = dr;
            d.x[gates + 2 * h] = dq;
            d.product[gates + 2 * h] = down;
            d.direct[passed] = masked ? MultiplyAdd(dh, keep, d.direct[passed]) : dh * keep;
            return down;
        }

        """;
}
