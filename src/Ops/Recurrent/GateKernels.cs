using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The gates of one row, for every cell: y = f(gain xHat + addend), the addend being the input's part, or the shift behind a summed
/// normalization. Without normalization the row already holds the sum of both products.
/// </summary>
internal static class GateKernels<T, V, TNorm>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
    where TNorm : struct, IRowNormalizer
{
    /// <summary>Saves the statistics of every group of the product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Measure(in SequenceBuffers<T> s, int row)
    {
        for (int group = 0; TNorm.IsPresent && group < s.Groups.Count; group++)
        {
            DeviceBuffer<T> x = s.Product.Slice((row * s.Features) + s.Groups.Start(group), s.Groups.Length(group));
            RowNormalizer<T, V, TNorm>.Measure(x, s.Epsilon, s.Mean, s.Rstd, (row * s.Groups.Count) + group);
        }
    }

    /// <summary>Makes a gate by the logistic function.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sigmoid(in SequenceBuffers<T> s, int row, int gate)
    {
        GateRow<T> g = new(s, row, gate, TNorm.IsPresent);
        (V mu, V r) = Statistics(s, g);
        int i = 0, length = g.Y.Length;
        for (; i <= length - V.Width; i += V.Width)
        {
            V.Store(SigmoidOp<T>.Value(Sum(g, i, V.Width, mu, r)), g.Y, i);
        }
        if (i < length)
        {
            V.Store(SigmoidOp<T>.Value(Sum(g, i, length - i, mu, r)), g.Y, i, length - i);
        }
    }

    /// <summary>Makes a gate by the hyperbolic tangent.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Tanh(in SequenceBuffers<T> s, int row, int gate)
    {
        GateRow<T> g = new(s, row, gate, TNorm.IsPresent);
        (V mu, V r) = Statistics(s, g);
        int i = 0, length = g.Y.Length;
        for (; i <= length - V.Width; i += V.Width)
        {
            V.Store(V.Tanh(Sum(g, i, V.Width, mu, r)), g.Y, i);
        }
        if (i < length)
        {
            V.Store(V.Tanh(Sum(g, i, length - i, mu, r)), g.Y, i, length - i);
        }
    }

    /// <summary>Mean and rstd of a gate's group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (V Mean, V Rstd) Statistics(in SequenceBuffers<T> s, in GateRow<T> g)
    {
        V zero = V.Splat(T.Zero);
        return (TNorm.HasMean ? V.LoadSplat(s.Mean, g.Statistics) : zero, TNorm.IsPresent ? V.LoadSplat(s.Rstd, g.Statistics) : zero);
    }

    /// <summary>Turns the gradients of the product's normalization into those of the product, and adds to the gain's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(in SequenceBuffers<T> s, in SequenceGradients<T> d, int row, int chunk)
    {
        for (int group = 0; TNorm.IsPresent && group < s.Groups.Count; group++)
        {
            int start = s.Groups.Start(group), length = s.Groups.Length(group), at = (row * s.Features) + start;
            RowNormalizer<T, V, TNorm>.Backward(
                s.Product.Slice(at, length), s.Gain.Slice(start, length), d.X.Slice(at, length), d.Product.Slice(at, length),
                d.Gain.Slice((chunk * s.Features) + start, length), s.Epsilon, s.Mean, s.Rstd, (row * s.Groups.Count) + group);
        }
    }

    // Called with a count of V.Width the partial loads fold to plain ones, so that one text serves rows and their tails.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sum(in GateRow<T> g, int i, int count, V mu, V r)
    {
        V xHat = RowNormalizer<T, V, TNorm>.XHat(g.Product, i, count, mu, r);
        return TNorm.IsPresent ? V.MultiplyAdd(V.Load(g.Gain, i, count, r), xHat, V.Load(g.Addend, i, count, r)) : xHat;
    }
}

/// <summary>The memory of one gate of one row.</summary>
internal readonly struct GateRow<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public GateRow(in SequenceBuffers<T> s, int row, int gate, bool isNormalized)
    {
        int h = s.Hidden, start = gate * h, at = (row * s.Features) + start;
        Product = s.Product.Slice(at, h);
        Y = s.Activations.Slice(at, h);
        if (isNormalized)
        {
            Gain = s.Gain.Slice(start, h);
            Addend = s.IsSummed ? s.Shift.Slice(start, h) : s.X.Slice(at, h);
            Statistics = (row * s.Groups.Count) + (start < s.Groups.Lead ? 0 : 1 + ((start - s.Groups.Lead) / h));
        }
    }

    public DeviceBuffer<T> Product { get; }

    public DeviceBuffer<T> Gain { get; }

    public DeviceBuffer<T> Addend { get; }

    public DeviceBuffer<T> Y { get; }

    /// <summary>The index of the statistics of the gate's group.</summary>
    public int Statistics { get; }
}
