using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The gates of one row, for every cell, from the product W_h h and X = W_x x, of both of which the row in hand keeps the statistics:
/// <code>
/// y = f(gain xHat(W_h h) + gainX xHat(W_x x) + shift)      or      y = f(gain xHat(W_h h + W_x x) + shift)
/// </code>
/// Without normalization the row already holds the sum of both products.
/// </summary>
/// <remarks>
/// The input's part is normalized here, step by step, and not for all steps at once before: its row would go to memory and back.
/// </remarks>
internal static class GateKernels<T, V, TNorm>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
    where TNorm : struct, IRowNormalizer
{
    /// <summary>Saves the statistics of every group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Measure(in SequenceBuffers<T> s, int row)
    {
        for (int group = 0; TNorm.IsPresent && group < s.Groups.Count; group++)
        {
            int at = (row * s.Features) + s.Groups.Start(group), length = s.Groups.Length(group);
            int statistics = (row * s.Groups.Count) + group;
            RowNormalizer<T, V, TNorm>.Measure(s.Product.Slice(at, length), s.Epsilon, s.Mean, s.Rstd, statistics);
            if (s.GainX.Length > 0)
            {
                RowNormalizer<T, V, TNorm>.Measure(s.X.Slice(at, length), s.Epsilon, s.MeanX, s.RstdX, statistics);
            }
        }
    }

    /// <summary>Makes a gate by the logistic function.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sigmoid(in SequenceBuffers<T> s, int row, int gate)
    {
        GateRow<T> g = new(s, row, gate, TNorm.IsPresent);
        RowStatistics<V> of = Statistics(s, g);
        int i = 0, length = g.Y.Length;
        if (TNorm.IsPresent && g.IsSummed)
        {
            for (; i < length; i += V.Width)
            {
                V.Store(SigmoidOp<T>.Value(Sum<Yes>(g, i, length - i, of)), g.Y, i, length - i);
            }
            return;
        }
        for (; i <= length - V.Width; i += V.Width)
        {
            V.Store(SigmoidOp<T>.Value(Sum<No>(g, i, V.Width, of)), g.Y, i);
        }
        if (i < length)
        {
            V.Store(SigmoidOp<T>.Value(Sum<No>(g, i, length - i, of)), g.Y, i, length - i);
        }
    }

    /// <summary>Makes a gate by the hyperbolic tangent.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Tanh(in SequenceBuffers<T> s, int row, int gate)
    {
        GateRow<T> g = new(s, row, gate, TNorm.IsPresent);
        RowStatistics<V> of = Statistics(s, g);
        int i = 0, length = g.Y.Length;
        if (TNorm.IsPresent && g.IsSummed)
        {
            for (; i < length; i += V.Width)
            {
                V.Store(V.Tanh(Sum<Yes>(g, i, length - i, of)), g.Y, i, length - i);
            }
            return;
        }
        for (; i <= length - V.Width; i += V.Width)
        {
            V.Store(V.Tanh(Sum<No>(g, i, V.Width, of)), g.Y, i);
        }
        if (i < length)
        {
            V.Store(V.Tanh(Sum<No>(g, i, length - i, of)), g.Y, i, length - i);
        }
    }

    /// <summary>Mean and rstd of a gate's group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowStatistics<V> Statistics(in SequenceBuffers<T> s, in GateRow<T> g)
    {
        V zero = V.Splat(T.Zero);
        bool hasX = TNorm.IsPresent && !g.IsSummed;
        return new(
            TNorm.HasMean ? V.LoadSplat(s.Mean, g.Statistics) : zero,
            TNorm.IsPresent ? V.LoadSplat(s.Rstd, g.Statistics) : zero,
            TNorm.HasMean && hasX ? V.LoadSplat(s.MeanX, g.Statistics) : zero,
            hasX ? V.LoadSplat(s.RstdX, g.Statistics) : zero);
    }

    /// <summary>
    /// From the gradients of the gates before their nonlinearities, those of the product and of X, and those of gains and shift.
    /// </summary>
    /// <param name="s">What forward made.</param>
    /// <param name="d">X holds the gradients of the normalized input's part.</param>
    /// <param name="ofProduct">Those of the normalized product, of the product's layout; most often the same.</param>
    /// <param name="row">The row.</param>
    /// <param name="chunk">Whose sums take the gradients of gains and shift.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(in SequenceBuffers<T> s, in SequenceGradients<T> d, DeviceBuffer<T> ofProduct, int row, int chunk)
    {
        for (int group = 0; TNorm.IsPresent && group < s.Groups.Count; group++)
        {
            int start = s.Groups.Start(group), length = s.Groups.Length(group), at = (row * s.Features) + start;
            int sums = (chunk * s.Features) + start, statistics = (row * s.Groups.Count) + group;
            GroupGradients<T> product = new(
                s.Product.Slice(at, length), s.Gain.Slice(start, length), ofProduct.Slice(at, length), d.Product.Slice(at, length),
                d.Gain.Slice(sums, length), s.Mean, s.Rstd, statistics);
            if (s.IsSummed)
            {
                RowNormalizer<T, V, TNorm>.Backward<No>(product, product, d.Shift.Slice(sums, length), s.Epsilon);
                continue;
            }
            DeviceBuffer<T> dx = d.X.Slice(at, length);
            GroupGradients<T> input = new(
                s.X.Slice(at, length), s.GainX.Slice(start, length), dx, dx, d.GainX.Slice(sums, length), s.MeanX, s.RstdX, statistics);
            RowNormalizer<T, V, TNorm>.Backward<Yes>(input, product, d.Shift.Slice(sums, length), s.Epsilon);
        }
    }

    /// <summary>gain xHat of the product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V ProductPart(in GateRow<T> g, int i, int count, in RowStatistics<V> of)
    {
        V xHat = RowNormalizer<T, V, TNorm>.XHat(g.Product, i, count, of.Mean, of.Rstd);
        return TNorm.IsPresent ? V.Load(g.Gain, i, count, of.Rstd) * xHat : xHat;
    }

    /// <summary>gainX xHat of X, and the shift.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V InputPart(in GateRow<T> g, int i, int count, in RowStatistics<V> of)
    {
        V xHat = RowNormalizer<T, V, TNorm>.XHat(g.X, i, count, of.MeanX, of.RstdX);
        return TNorm.IsPresent ? V.MultiplyAdd(V.Load(g.GainX, i, count, of.Rstd), xHat, V.Load(g.Shift, i, count, of.Rstd)) : xHat;
    }

    // Called with a count of V.Width the partial loads fold to plain ones, so that one text serves rows and their tails.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sum<TSummed>(in GateRow<T> g, int i, int count, in RowStatistics<V> of)
        where TSummed : IChoice
    {
        V product = ProductPart(g, i, count, of);
        return !TNorm.IsPresent ? product : product + (TSummed.IsMade ? V.Load(g.Shift, i, count, of.Rstd) : InputPart(g, i, count, of));
    }
}

/// <summary>The statistics that a gate's loop needs, as vectors.</summary>
internal readonly record struct RowStatistics<V>(V Mean, V Rstd, V MeanX, V RstdX);

/// <summary>The memory of one gate of one row.</summary>
internal readonly struct GateRow<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public GateRow(in SequenceBuffers<T> s, int row, int gate, bool isNormalized)
    {
        int h = s.Hidden, start = gate * h, at = (row * s.Features) + start;
        Product = s.Product.Slice(at, h);
        X = s.X.Slice(at, h);
        Y = s.Activations.Slice(at, h);
        if (isNormalized)
        {
            IsSummed = s.IsSummed;
            Gain = s.Gain.Slice(start, h);
            GainX = s.IsSummed ? default : s.GainX.Slice(start, h);
            Shift = s.Shift.Slice(start, h);
            Statistics = (row * s.Groups.Count) + (start < s.Groups.Lead ? 0 : 1 + ((start - s.Groups.Lead) / h));
        }
    }

    public bool IsSummed { get; }

    public DeviceBuffer<T> Product { get; }

    public DeviceBuffer<T> X { get; }

    public DeviceBuffer<T> Gain { get; }

    public DeviceBuffer<T> GainX { get; }

    public DeviceBuffer<T> Shift { get; }

    public DeviceBuffer<T> Y { get; }

    /// <summary>The index of the statistics of the gate's group.</summary>
    public int Statistics { get; }
}
