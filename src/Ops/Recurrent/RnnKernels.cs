using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>A step of the simple network (<see cref="RnnCell{T}"/>) behind its product, case by case: h = factor tanh(a).</summary>
internal readonly struct RnnForward<T, TNorm, TMasks>(SequenceBuffers<T> s, int step) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TNorm : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.Of<TNorm, TMasks>() + RnnSource.Forward + """

        struct Arguments { SequenceBuffers s; int step; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            for (int n = first; n < end; n++)
            {
                const int row = k.step * s.cases + n;
                GateMoments<1> of;
                measure_gates<Gates>(s, row, of);
                each(s.hidden, s.hidden, [&](int j) { make_hidden(s, n, row, j, Tanh(gate_sum<Gates>(s, of, row, 0, j))); });
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
            GateKernels<T, V, TNorm>.Tanh(s, row, 0);
            MakeHidden<V>(n, row);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeHidden<V>(int n, int row)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden, next = row + s.Cases;
        DeviceBuffer<T> tanh = SequenceBuffers<T>.Row(s.Activations, row, h), state = SequenceBuffers<T>.Row(s.States, next, h);
        V zero = V.Splat(T.Zero);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V y = V.Load(tanh, j, count, zero);
            V.Store(TMasks.IsPresent ? y * MaskReader<T, V>.Factors(s.CandidateFactors, (row * h) + j, count) : y, state, j, count);
        }
        if (TMasks.IsPresent)
        {
            StateBlend<T, V>.Apply(s, s.HiddenShare, row, state, s.States);
            StateBlend<T, V>.Enter(s, n, next);
        }
    }
}

/// <summary>Backward of <see cref="RnnForward{T, TNorm, TMasks}"/>: da = dh factor (1 - tanh(a)^2).</summary>
internal readonly struct RnnBackward<T, TNorm, TMasks>(SequenceBuffers<T> s, SequenceGradients<T> d, int step) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TNorm : struct, IRowNormalizer
    where TMasks : struct, IMasking
{
    public static string DeviceSource => SequenceSource.Of<TNorm, TMasks>() + RnnSource.Backward + """

        struct Arguments { SequenceBuffers s; SequenceGradients d; int step; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const SequenceBuffers& s = k.s;
            const SequenceGradients& d = k.d;
            for (int n = first; n < end; n++)
            {
                const int row = k.step * s.cases + n;
                each(s.hidden, s.hidden, [&](int j) { give_gate(s, d, n, row, j); });
                gates_backward<Gates>(s, d, d.x, row, chunk);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int n = first; n < end; n++)
        {
            int row = (step * s.Cases) + n;
            Gate<V>(n, row, SequenceBuffers<T>.Row(d.X, row, s.Hidden));
            GateKernels<T, V, TNorm>.Backward(s, d, d.X, row, chunk);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Gate<V>(int n, int row, DeviceBuffer<T> gradient)
        where V : struct, ISimd<V, T>
    {
        int h = s.Hidden;
        V zero = V.Splat(T.Zero), one = V.Splat(T.One);
        for (int j = 0; j < h; j += V.Width)
        {
            int count = h - j;
            V y = V.Load(s.Activations, (row * h) + j, count, zero), dh;
            if (TMasks.IsPresent)
            {
                dh = HiddenGradient<T, V>.Take(s, d, n, row, j, count) * MaskReader<T, V>.Factors(s.CandidateFactors, (row * h) + j, count);
            }
            else
            {
                dh = V.Load(d.Outputs, (row * h) + j, count, zero) + V.Load(d.FromProduct, (n * h) + j, count, zero);
            }
            V.Store(dh * (one - (y * y)), gradient, j, count);
        }
    }
}

/// <summary>A column of a row of the simple network in the C++ of devices, for kernels of rows and of columns.</summary>
internal static class RnnSource
{
    public const string Forward = """
        DEVICE void make_hidden(const SequenceBuffers& s, int n, int row, int j, real y)
        {
            const int here = row * s.hidden + j;
            s.activations[here] = y;
            hand_on(s, n, row, j, y * factor(s.candidate_factors, here));
        }

        """;

    public const string Backward = """
        DEVICE void give_gate(const SequenceBuffers& s, const SequenceGradients& d, int n, int row, int j)
        {
            const int here = row * s.hidden + j;
            const real y = s.activations[here], dy = take_hidden(s, d, n, row, j) * factor(s.candidate_factors, here);
            d.x[here] = dy * (1 - y * y);
        }

        """;
}
