using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The gradients of <see cref="RowNormForward{T, TCentered}"/>, for u = gain dy: one pass for the averages of u and u xHat and the sums
/// over rows, one to write dx. Two rows at a time, so that the sums over rows are read and written half as often.
/// </summary>
/// <param name="x">[rows, groups, columns].</param>
/// <param name="gain">[groups, columns]; empty for 1.</param>
/// <param name="mean">[rows, groups]; empty unless TCentered.</param>
/// <param name="rstd">[rows, groups].</param>
/// <param name="dy">Like x.</param>
/// <param name="dx">Like x.</param>
/// <param name="dgain">[chunks, groups, columns], partial sums.</param>
/// <param name="dbias">The same.</param>
/// <param name="groups">Groups per row, each with statistics of its own.</param>
/// <param name="columns">Features per group.</param>
/// <param name="detached">The statistics to treat as constants.</param>
internal readonly struct RowNormBackward<T, TCentered>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, DeviceBuffer<T> dy,
    GradientSink<T> dx, GradientSink<T> dgain, GradientSink<T> dbias, int groups, int columns, DetachedStatistics detached)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TCentered : unmanaged, IChoice
{
    public static string DeviceSource => $"constexpr bool centered = {(TCentered.IsMade ? "true" : "false")};\n" + """
        struct Arguments { Buffer<real> x, gain, mean, rstd, dy; Sink dx, dgain, dbias; int groups, columns, detached; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const Team team(k.columns);
            for (int group = 0; group < k.groups; group++)
            {
                // x and dy are read once: a thread keeps its elements, and its part of the sums over rows, until the last row.
                const int feature = group * k.columns, partial = chunk * k.groups * k.columns + feature;
                RowSum dgain(team, k.dgain, partial, k.columns), dbias(team, k.dbias, partial, k.columns);
                for (int row = first + team.index; row < end; row += team.count)
                {
                    const int part = row * k.groups + group, start = part * k.columns;
                    const Row x(team, &k.x[start], k.columns), dy(team, &k.dy[start], k.columns);
                    const real center = centered ? k.mean[part] : real(0), r = k.rstd[part];
                    real u = 0, u_x_hat = 0;
                    dy.each_with(x, [&](int i, real g, real value)
                    {
                        const real of_u = k.gain.exists() ? k.gain[feature + i] * g : g;
                        u += of_u;
                        u_x_hat = MultiplyAdd(of_u, (value - center) * r, u_x_hat);
                    });
                    dgain.add(row == first, [&](int i, int kept) { return dy.at(i, kept) * ((x.at(i, kept) - center) * r); });
                    dbias.add(row == first, [&](int i, int kept) { return dy.at(i, kept); });
                    if (!k.dx.is_wanted())
                        continue;
                    const real average_u = !centered || k.detached & 1 ? real(0) : team.sum(u) / k.columns;
                    const real average_u_x_hat = k.detached & 2 ? real(0) : team.sum(u_x_hat) / k.columns;
                    dy.each_with(x, [&](int i, real g, real value)
                    {
                        const real of_u = k.gain.exists() ? k.gain[feature + i] * g : g;
                        k.dx.write(start + i, r * (of_u - average_u - (value - center) * r * average_u_x_hat));
                    });
                }
                dgain.store(first + team.index < end);
                dbias.store(first + team.index < end);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int row = first; row < end; row += 2)
        {
            for (int group = 0; group < groups; group++)
            {
                Part part = new(row, group, chunk, row == first);
                if (row + 1 < end)
                {
                    OfGain<V, Yes>(part);
                }
                else
                {
                    OfGain<V, No>(part);
                }
            }
        }
    }

    // Each of the next methods makes one choice and calls a method compiled for it.
    private void OfGain<V, TTwo>(Part part)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
    {
        if (gain.Length > 0)
        {
            OfDx<V, TTwo, Yes>(part);
        }
        else
        {
            OfDx<V, TTwo, No>(part);
        }
    }

    private void OfDx<V, TTwo, TGain>(Part part)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
    {
        Sums<V> sums = !dgain.IsWanted ? OfDgain<V, TTwo, TGain, Unwanted>(part)
            : part.IsFirst && !dgain.Accumulate ? OfDgain<V, TTwo, TGain, Assigned>(part) : OfDgain<V, TTwo, TGain, Added>(part);
        if (dx.IsWanted && dx.Accumulate)
        {
            Write<V, TTwo, TGain, Added>(part, sums);
        }
        else if (dx.IsWanted)
        {
            Write<V, TTwo, TGain, Assigned>(part, sums);
        }
    }

    private Sums<V> OfDgain<V, TTwo, TGain, TDgain>(Part part)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
        where TDgain : ISinkMode =>
        !dbias.IsWanted ? Sum<V, TTwo, TGain, TDgain, Unwanted>(part)
            : part.IsFirst && !dbias.Accumulate ? Sum<V, TTwo, TGain, TDgain, Assigned>(part) : Sum<V, TTwo, TGain, TDgain, Added>(part);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Sums<V> Sum<V, TTwo, TGain, TDgain, TDbias>(Part part)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
        where TDgain : ISinkMode
        where TDbias : ISinkMode
    {
        int length = columns, a = (part.Row * groups) + part.Group, b = TTwo.IsMade ? a + groups : a, feature = part.Group * length;
        DeviceBuffer<T> xA = x.Slice(a * length, length), xB = x.Slice(b * length, length);
        DeviceBuffer<T> dyA = dy.Slice(a * length, length), dyB = dy.Slice(b * length, length);
        DeviceBuffer<T> scales = TGain.IsMade ? gain.Slice(feature, length) : default;
        int partial = (part.Chunk * groups * length) + feature;
        DeviceBuffer<T> gains = TDgain.IsWanted ? dgain.Buffer.Slice(partial, length) : default;
        DeviceBuffer<T> biases = TDbias.IsWanted ? dbias.Buffer.Slice(partial, length) : default;
        V zero = V.Splat(T.Zero), meanA = zero, meanB = zero, rstdA = V.LoadSplat(rstd, a), rstdB = V.LoadSplat(rstd, b);
        if (TCentered.IsMade)
        {
            (meanA, meanB) = (V.LoadSplat(mean, a), V.LoadSplat(mean, b));
        }
        V uA = zero, uB = zero, uDeviationA = zero, uDeviationB = zero;
        nint i = 0;
        for (; i <= length - V.Width; i += V.Width)
        {
            SumAt<V, TTwo, TGain, TDgain, TDbias>(
                i, V.Width, xA, xB, dyA, dyB, scales, gains, biases, meanA, meanB, rstdA, rstdB,
                ref uA, ref uB, ref uDeviationA, ref uDeviationB);
        }
        if (i < length)
        {
            SumAt<V, TTwo, TGain, TDgain, TDbias>(
                i, length - (int)i, xA, xB, dyA, dyB, scales, gains, biases, meanA, meanB, rstdA, rstdB,
                ref uA, ref uB, ref uDeviationA, ref uDeviationB);
        }
        return new(V.Sum(uA), V.Sum(uDeviationA) * rstdA, TTwo.IsMade ? V.Sum(uB) : zero, TTwo.IsMade ? V.Sum(uDeviationB) * rstdB : zero);
    }

    // Called with a count of V.Width the partial loads and stores fold to plain ones, so that one text serves rows and their tails.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumAt<V, TTwo, TGain, TDgain, TDbias>(
        nint i, int count, DeviceBuffer<T> xA, DeviceBuffer<T> xB, DeviceBuffer<T> dyA, DeviceBuffer<T> dyB,
        DeviceBuffer<T> gain, DeviceBuffer<T> dgain, DeviceBuffer<T> dbias, V meanA, V meanB, V rstdA, V rstdB,
        ref V uA, ref V uB, ref V uDeviationA, ref V uDeviationB)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
        where TDgain : ISinkMode
        where TDbias : ISinkMode
    {
        V zero = V.Splat(T.Zero), scale = TGain.IsMade ? V.Load(gain, i, count, zero) : zero;
        V dGain = SinkMode<T, V>.Start<TDgain>(dgain, i, count), dBias = SinkMode<T, V>.Start<TDbias>(dbias, i, count);
        Add<V, TGain>(
            V.Load(xA, i, count, meanA), meanA, rstdA, V.Load(dyA, i, count, zero), scale, ref uA, ref uDeviationA, ref dGain, ref dBias);
        if (TTwo.IsMade)
        {
            Add<V, TGain>(
                V.Load(xB, i, count, meanB), meanB, rstdB, V.Load(dyB, i, count, zero), scale,
                ref uB, ref uDeviationB, ref dGain, ref dBias);
        }
        if (TDgain.IsWanted)
        {
            V.Store(dGain, dgain, i, count);
        }
        if (TDbias.IsWanted)
        {
            V.Store(dBias, dbias, i, count);
        }
    }

    // The sums of u xHat wait for rstd until the end.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<V, TGain>(V x, V mean, V rstd, V dy, V scale, ref V sumU, ref V sumUDeviation, ref V dGain, ref V dBias)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
    {
        V dyDeviation = dy * (TCentered.IsMade ? x - mean : x);
        if (TGain.IsMade)
        {
            V.AddProduct(ref sumUDeviation, scale, dyDeviation);
        }
        else
        {
            sumUDeviation += dyDeviation;
        }
        if (TCentered.IsMade && TGain.IsMade)
        {
            V.AddProduct(ref sumU, scale, dy);
        }
        else if (TCentered.IsMade)
        {
            sumU += dy;
        }
        V.AddProduct(ref dGain, dyDeviation, rstd);
        dBias += dy;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Write<V, TTwo, TGain, TDx>(Part part, Sums<V> sums)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
        where TDx : ISinkMode
    {
        int a = (part.Row * groups) + part.Group;
        WriteRow<V, TGain, TDx>(a, part.Group, sums.UA, sums.UXHatA);
        if (TTwo.IsMade)
        {
            WriteRow<V, TGain, TDx>(a + groups, part.Group, sums.UB, sums.UXHatB);
        }
    }

    // dx = rstd (u - avg(u) - xHat avg(u xHat)), as rstd (u + offset + (x - mean) slope).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteRow<V, TGain, TDx>(int row, int group, V sumU, V sumUXHat)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
        where TDx : ISinkMode
    {
        int length = columns;
        DeviceBuffer<T> from = x.Slice(row * length, length), cotangent = dy.Slice(row * length, length);
        DeviceBuffer<T> scales = TGain.IsMade ? gain.Slice(group * length, length) : default, to = dx.Buffer.Slice(row * length, length);
        V zero = V.Splat(T.Zero), perColumn = V.Splat(-T.One / T.CreateChecked(length));
        V center = TCentered.IsMade ? V.LoadSplat(mean, row) : zero, r = V.LoadSplat(rstd, row);
        V offset = (detached & DetachedStatistics.Mean) != 0 ? zero : sumU * perColumn;
        V slope = (detached & DetachedStatistics.Rstd) != 0 ? zero : sumUXHat * perColumn * r;
        nint i = CacheLine.ElementsBefore<T, V>(to);
        if (i > 0)
        {
            WriteAt<V, TGain, TDx>(0, (int)i, from, cotangent, scales, center, r, offset, slope, to);
        }
        for (; i <= length - V.Width; i += V.Width)
        {
            WriteAt<V, TGain, TDx>(i, V.Width, from, cotangent, scales, center, r, offset, slope, to);
        }
        if (i < length)
        {
            WriteAt<V, TGain, TDx>(i, length - (int)i, from, cotangent, scales, center, r, offset, slope, to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteAt<V, TGain, TDx>(
        nint i, int count, DeviceBuffer<T> x, DeviceBuffer<T> dy, DeviceBuffer<T> gain, V mean, V rstd, V offset, V slope,
        DeviceBuffer<T> dx)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
        where TDx : ISinkMode
    {
        V g = V.Load(dy, i, count, rstd), at = V.Load(x, i, count, rstd), deviation = TCentered.IsMade ? at - mean : at;
        V u = TGain.IsMade ? V.MultiplyAdd(V.Load(gain, i, count, rstd), g, offset) : g + offset;
        V result = rstd * V.MultiplyAdd(deviation, slope, u);
        V.Store(TDx.Accumulates ? result + V.Load(dx, i, count, rstd) : result, dx, i, count);
    }

    /// <summary>A group of a row, and of the next row.</summary>
    private readonly record struct Part(int Row, int Group, int Chunk, bool IsFirst);

    /// <summary>Sums over the two rows of u and of u xHat.</summary>
    private readonly record struct Sums<V>(V UA, V UXHatA, V UB, V UXHatB);
}
