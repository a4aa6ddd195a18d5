using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <content>The two passes over a group of two rows.</content>
internal readonly partial struct RowNormBackward<T, TCentered>
{
    // Leaves the sums of u and of u xHat of the first row and, if there are two, of the second.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Sum<V, TTwo, TGain, TDgain, TDbias>(Part part, DeviceBuffer<T> sums)
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
        // The partial sums decide where vectors begin: they are loaded and stored, and those of other chunks start inside a cache line.
        nint i = Math.Min(length, -partial & (V.Width - 1));
        if (i > 0)
        {
            SumAt<V, TTwo, TGain, TDgain, TDbias>(
                0, (int)i, xA, xB, dyA, dyB, scales, gains, biases, meanA, meanB, rstdA, rstdB,
                ref uA, ref uB, ref uDeviationA, ref uDeviationB);
        }
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
        V.StoreScalar(V.Sum(uA), sums, 0);
        V.StoreScalar(V.Sum(uDeviationA) * rstdA, sums, 1);
        if (TTwo.IsMade)
        {
            V.StoreScalar(V.Sum(uB), sums, 2);
            V.StoreScalar(V.Sum(uDeviationB) * rstdB, sums, 3);
        }
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
    private void Write<V, TTwo, TGain, TDx>(Part part, DeviceBuffer<T> sums)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
        where TDx : ISinkMode
    {
        int a = (part.Row * groups) + part.Group;
        WriteRow<V, TGain, TDx>(a, part.Group, V.LoadSplat(sums, 0), V.LoadSplat(sums, 1));
        if (TTwo.IsMade)
        {
            WriteRow<V, TGain, TDx>(a + groups, part.Group, V.LoadSplat(sums, 2), V.LoadSplat(sums, 3));
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
        nint i = CacheLine.ElementsBefore<T, V>(to), next = 2 * groups * length;
        if (i > 0)
        {
            WriteAt<V, TGain, TDx>(0, (int)i, from, cotangent, scales, center, r, offset, slope, to);
        }
        for (; i <= length - V.Width; i += V.Width)
        {
            WriteAt<V, TGain, TDx>(i, V.Width, from, cotangent, scales, center, r, offset, slope, to);
            Streaming.Fetch<T, TDx>(from, i + next);
            Streaming.Fetch<T, TDx>(cotangent, i + next);
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
        SinkMode<T, V>.Store<TDx>(rstd * V.MultiplyAdd(deviation, slope, u), dx, i, count);
    }
}
