using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = gain (x - mean) rstd + bias for every row, or every group of a row; without the mean unless TCentered. Passes for the statistics,
/// one to write, two rows at a time; the rows stay in the first-level cache.
/// </summary>
/// <param name="x">[rows, groups, columns].</param>
/// <param name="gain">[groups, columns]; empty for 1.</param>
/// <param name="bias">The same; empty for 0.</param>
/// <param name="y">Like x.</param>
/// <param name="mean">[rows, groups], written; empty unless TCentered.</param>
/// <param name="rstd">[rows, groups], written.</param>
/// <param name="groups">Groups per row, each with statistics of its own.</param>
/// <param name="columns">Features per group.</param>
/// <param name="epsilon">Added to the variance.</param>
internal readonly struct RowNormForward<T, TCentered>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y, DeviceBuffer<T> mean, DeviceBuffer<T> rstd,
    int groups, int columns, T epsilon)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TCentered : unmanaged, IChoice
{
    public static string DeviceSource => $"constexpr bool centered = {(TCentered.IsMade ? "true" : "false")};\n" + """
        struct Arguments { Buffer<real> x, gain, bias, y, mean, rstd; int groups, columns; real epsilon; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const Team team(k.columns);
            for (int part = first * k.groups + team.index; part < end * k.groups; part += team.count)
            {
                const int start = part * k.columns, feature = part % k.groups * k.columns;
                const Row x(team, &k.x[start], k.columns);
                real center = 0, sum = 0;
                if (centered)
                {
                    const real shift = k.x[start];
                    x.each([&](int i, real value) { sum += value - shift; });
                    center = shift + team.sum(sum) / k.columns;
                }
                real squares = 0;
                x.each([&](int i, real value) { squares = MultiplyAdd(value - center, value - center, squares); });
                const real r = 1 / Sqrt(team.sum(squares) / k.columns + k.epsilon);
                x.each([&](int i, real value)
                {
                    const real scaled = (value - center) * r * (k.gain.exists() ? k.gain[feature + i] : real(1));
                    k.y[start + i] = k.bias.exists() ? scaled + k.bias[feature + i] : scaled;
                });
                if (team.rank == 0)
                {
                    if (centered)
                        k.mean[part] = center;
                    k.rstd[part] = r;
                }
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        if (gain.Length == 0)
        {
            Rows<V, No, No>(first, end);
        }
        else if (bias.Length == 0)
        {
            Rows<V, Yes, No>(first, end);
        }
        else
        {
            Rows<V, Yes, Yes>(first, end);
        }
    }

    private void Rows<V, TGain, TBias>(int first, int end)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
        where TBias : IChoice
    {
        for (int row = first; row < end; row += 2)
        {
            for (int group = 0; group < groups; group++)
            {
                if (row + 1 < end)
                {
                    Normalize<V, Yes, TGain, TBias>((row * groups) + group, group);
                }
                else
                {
                    Normalize<V, No, TGain, TBias>((row * groups) + group, group);
                }
            }
        }
    }

    // The passes are not inlined, so that the loops of each are within the inliner's and the register allocator's means.
    private void Normalize<V, TTwo, TGain, TBias>(int part, int group)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
        where TBias : IChoice
    {
        int next = TTwo.IsMade ? part + groups : part;
        if (TCentered.IsMade)
        {
            FindMeans<V, TTwo>(part, next);
        }
        FindRstds<V, TTwo>(part, next);
        Write<V, TGain, TBias>(part, group);
        if (TTwo.IsMade)
        {
            Write<V, TGain, TBias>(next, group);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FindMeans<V, TTwo>(int a, int b)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
    {
        (V meanA, V meanB) = RowMoments<T, V>.Means<TTwo>(x.Slice(a * columns, columns), x.Slice(b * columns, columns));
        V.StoreScalar(meanA, mean, a);
        V.StoreScalar(meanB, mean, b);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FindRstds<V, TTwo>(int a, int b)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
    {
        V one = V.Splat(T.One), increase = V.Splat(epsilon), meanA = V.Splat(T.Zero), meanB = meanA;
        if (TCentered.IsMade)
        {
            (meanA, meanB) = (V.LoadSplat(mean, a), V.LoadSplat(mean, b));
        }
        (V varianceA, V varianceB) = RowMoments<T, V>.MeanSquares<TTwo, TCentered>(
            x.Slice(a * columns, columns), x.Slice(b * columns, columns), meanA, meanB);
        V.StoreScalar(one / V.Sqrt(varianceA + increase), rstd, a);
        if (TTwo.IsMade)
        {
            V.StoreScalar(one / V.Sqrt(varianceB + increase), rstd, b);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Write<V, TGain, TBias>(int part, int group)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
        where TBias : IChoice
    {
        int length = columns;
        DeviceBuffer<T> from = x.Slice(part * length, length), to = y.Slice(part * length, length);
        DeviceBuffer<T> scales = TGain.IsMade ? gain.Slice(group * length, length) : default;
        DeviceBuffer<T> shifts = TBias.IsMade ? bias.Slice(group * length, length) : default;
        V r = V.LoadSplat(rstd, part), center = TCentered.IsMade ? V.LoadSplat(mean, part) : r;
        int i = CacheLine.ElementsBefore<T, V>(to);
        if (i > 0)
        {
            WriteAt<V, TGain, TBias>(0, i, from, center, r, scales, shifts, to);
        }
        for (; i <= length - V.Width; i += V.Width)
        {
            WriteAt<V, TGain, TBias>(i, V.Width, from, center, r, scales, shifts, to);
        }
        if (i < length)
        {
            WriteAt<V, TGain, TBias>(i, length - i, from, center, r, scales, shifts, to);
        }
    }

    // Called with a count of V.Width the partial loads and stores fold to plain ones, so that one text serves rows and their ends.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V, TGain, TBias>(
        int i, int count, DeviceBuffer<T> x, V mean, V rstd, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
        where TBias : IChoice
    {
        V at = V.Load(x, i, count, rstd), xHat = (TCentered.IsMade ? at - mean : at) * rstd;
        V scaled = TGain.IsMade ? V.Load(gain, i, count, rstd) : xHat;
        V.Store(
            TBias.IsMade ? V.MultiplyAdd(scaled, xHat, V.Load(bias, i, count, rstd)) : TGain.IsMade ? scaled * xHat : xHat, y, i, count);
    }
}
