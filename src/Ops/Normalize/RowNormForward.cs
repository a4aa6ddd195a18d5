using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = gain (x - mean) rstd + bias for every row, or every group of a row; without the mean unless TCentered.
/// </summary>
/// <remarks>
/// A row takes a pass for its mean, one for the variance about it and one to write it. The three run in one loop, each on the row behind
/// that of the pass before: the processor computes while it waits for x to come and for y to go. A row stays in the first-level cache
/// until it is written. Never E[x^2] - E[x]^2, which cancels: rows of 100 + 0.01 z in float would get variance 0.
/// </remarks>
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
        if (Streaming.Pays(y))
        {
            Run<V, Streamed>(first * groups, end * groups);
            Streaming.Fence<Streamed>();
        }
        else
        {
            Run<V, Assigned>(first * groups, end * groups);
        }
    }

    private void Run<V, TWrite>(int first, int end)
        where V : struct, ISimd<V, T>
        where TWrite : ISinkMode
    {
        if (gain.Length == 0)
        {
            Parts<V, TWrite, No, No>(first, end);
        }
        else if (bias.Length == 0)
        {
            Parts<V, TWrite, Yes, No>(first, end);
        }
        else
        {
            Parts<V, TWrite, Yes, Yes>(first, end);
        }
    }

    // A part is a row, or a group of one.
    private void Parts<V, TWrite, TGain, TBias>(int first, int end)
        where V : struct, ISimd<V, T>
        where TWrite : ISinkMode
        where TGain : IChoice
        where TBias : IChoice
    {
        for (int part = first - 2; part < end; part++)
        {
            bool hasMean = TCentered.IsMade && part + 2 < end, hasRstd = part + 1 >= first && part + 1 < end, isWritten = part >= first;
            if (hasMean == TCentered.IsMade && hasRstd && isWritten)
            {
                Pass<V, TCentered, Yes, TWrite, TGain, TBias>(part);
                continue;
            }
            if (hasMean)
            {
                Pass<V, Yes, No, Unwanted, TGain, TBias>(part);
            }
            if (hasRstd)
            {
                Pass<V, No, Yes, Unwanted, TGain, TBias>(part);
            }
            if (isWritten)
            {
                Pass<V, No, No, TWrite, TGain, TBias>(part);
            }
        }
    }

    /// <summary>Writes a part, finds rstd of the next one and the mean of the one after that: what is chosen of the three.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Pass<V, TMean, TRstd, TWrite, TGain, TBias>(int part)
        where V : struct, ISimd<V, T>
        where TMean : IChoice
        where TRstd : IChoice
        where TWrite : ISinkMode
        where TGain : IChoice
        where TBias : IChoice
    {
        int length = columns, width = V.Width, start = part * length, feature = part % groups * length;
        DeviceBuffer<T> x0 = TWrite.IsWanted ? x.Slice(start, length) : default, y0 = TWrite.IsWanted ? y.Slice(start, length) : default;
        DeviceBuffer<T> x1 = TRstd.IsMade ? x.Slice(start + length, length) : default;
        DeviceBuffer<T> x2 = TMean.IsMade ? x.Slice(start + (2 * length), length) : default;
        DeviceBuffer<T> gains = TWrite.IsWanted && TGain.IsMade ? gain.Slice(feature, length) : default;
        DeviceBuffer<T> biases = TWrite.IsWanted && TBias.IsMade ? bias.Slice(feature, length) : default;
        V zero = V.Splat(T.Zero), center0 = TWrite.IsWanted && TCentered.IsMade ? V.LoadSplat(mean, part) : zero;
        V rstd0 = TWrite.IsWanted ? V.LoadSplat(rstd, part) : zero;
        V center1 = TRstd.IsMade && TCentered.IsMade ? V.LoadSplat(mean, part + 1) : zero;
        V shift = TMean.IsMade ? V.LoadSplat(x2, 0) : zero, sum0 = zero, sum1 = zero, squares0 = zero, squares1 = zero;
        int before = TWrite.IsWanted ? CacheLine.ElementsBefore<T, V>(y0) : 0;
        nint i = 0;
        for (; i <= length - before - (2 * width); i += 2 * width)
        {
            if (TMean.IsMade)
            {
                sum0 += V.Load(x2, i) - shift;
                sum1 += V.Load(x2, i + width) - shift;
            }
            if (TRstd.IsMade)
            {
                AddSquare(ref squares0, V.Load(x1, i), center1);
                AddSquare(ref squares1, V.Load(x1, i + width), center1);
                Streaming.Fetch<T, TWrite>(TMean.IsMade ? x2 : x1, i + length);
                Streaming.Fetch<T, TWrite>(TMean.IsMade ? x2 : x1, i + length + width);
            }
            if (TWrite.IsWanted)
            {
                WriteAt<V, TWrite, TGain, TBias>(i + before, width, x0, center0, rstd0, gains, biases, y0);
                WriteAt<V, TWrite, TGain, TBias>(i + before + width, width, x0, center0, rstd0, gains, biases, y0);
            }
        }
        if (TWrite.IsWanted)
        {
            WriteEnds<V, TWrite, TGain, TBias>(before, i + before, x0, center0, rstd0, gains, biases, y0);
        }
        V perElement = V.Splat(T.One / T.CreateChecked(length));
        if (TMean.IsMade)
        {
            V.StoreScalar(V.MultiplyAdd(Sum(x2, i, shift, sum0, sum1), perElement, shift), mean, part + 2);
        }
        if (TRstd.IsMade)
        {
            V variance = SumOfSquares(x1, i, center1, squares0, squares1) * perElement;
            V.StoreScalar(V.Splat(T.One) / V.Sqrt(variance + V.Splat(epsilon)), rstd, part + 1);
        }
    }

    /// <summary>Writes the elements before the first aligned vector, and those from <paramref name="i"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteEnds<V, TWrite, TGain, TBias>(
        int before, nint i, DeviceBuffer<T> x, V mean, V rstd, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y)
        where V : struct, ISimd<V, T>
        where TWrite : ISinkMode
        where TGain : IChoice
        where TBias : IChoice
    {
        if (before > 0)
        {
            WriteAt<V, TWrite, TGain, TBias>(0, before, x, mean, rstd, gain, bias, y);
        }
        for (; i < y.Length; i += V.Width)
        {
            WriteAt<V, TWrite, TGain, TBias>(i, y.Length - (int)i, x, mean, rstd, gain, bias, y);
        }
    }

    // Two sums that are added to in turn, also here: else the order would depend on where the aligned loop left off.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sum<V>(DeviceBuffer<T> x, nint i, V shift, V sum0, V sum1)
        where V : struct, ISimd<V, T>
    {
        for (; i < x.Length; i += V.Width)
        {
            (sum0, sum1) = (sum1, sum0 + (V.Load(x, i, x.Length - (int)i, shift) - shift));
        }
        return V.Sum(sum0 + sum1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SumOfSquares<V>(DeviceBuffer<T> x, nint i, V center, V sum0, V sum1)
        where V : struct, ISimd<V, T>
    {
        for (; i < x.Length; i += V.Width)
        {
            AddSquare(ref sum0, V.Load(x, i, x.Length - (int)i, center), center);
            (sum0, sum1) = (sum1, sum0);
        }
        return V.Sum(sum0 + sum1);
    }

    // Rows that are not centered have center 0, which lanes past the end are filled with.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSquare<V>(ref V sum, V x, V center)
        where V : struct, ISimd<V, T>
    {
        V deviation = TCentered.IsMade ? x - center : x;
        V.AddProduct(ref sum, deviation, deviation);
    }

    // Called with a count of V.Width the partial loads and stores fold to plain ones, so that one text serves rows and their ends.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V, TWrite, TGain, TBias>(
        nint i, int count, DeviceBuffer<T> x, V mean, V rstd, DeviceBuffer<T> gain, DeviceBuffer<T> bias, DeviceBuffer<T> y)
        where V : struct, ISimd<V, T>
        where TWrite : ISinkMode
        where TGain : IChoice
        where TBias : IChoice
    {
        V at = V.Load(x, i, count, rstd), xHat = (TCentered.IsMade ? at - mean : at) * rstd;
        V scaled = TGain.IsMade ? V.Load(gain, i, count, rstd) : xHat;
        SinkMode<T, V>.Store<TWrite>(
            TBias.IsMade ? V.MultiplyAdd(scaled, xHat, V.Load(bias, i, count, rstd)) : TGain.IsMade ? scaled * xHat : xHat, y, i, count);
    }
}
