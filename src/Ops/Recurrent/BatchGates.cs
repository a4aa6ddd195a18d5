using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// What the kernels of recurrent batch norm share, for some columns of a step's cases:
/// <code>
/// y = f(gain xHat(W_h h) + X)      or, summed,      y = f(gain xHat(W_h h + W_x x) + shift)
/// </code>
/// X is normalized already, with all biases. Without normalization the product's place holds the sum.
/// </summary>
internal static class BatchGates<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>Makes the statistics of these columns in every gate.</summary>
    public static void Measure(in SequenceBuffers<T> s, in BatchStep<T> b, int first, int end)
    {
        for (int gate = 0; gate < s.Features / s.Hidden; gate++)
        {
            Measure(s, b, gate, first, end);
        }
    }

    /// <summary>Makes the statistics of a gate's columns.</summary>
    public static void Measure(in SequenceBuffers<T> s, in BatchStep<T> b, int gate, int first, int end)
    {
        int column = (gate * s.Hidden) + first;
        if (b.IsPresent)
        {
            BatchColumns<T, V>.Measure(b, s.Step(s.Product, b.Step, s.Features), column, (b.Step * s.Features) + column, end - first);
        }
    }

    /// <summary>Makes columns of a gate of one row, by the logistic function or the hyperbolic tangent.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Make(in SequenceBuffers<T> s, in BatchStep<T> b, int row, int gate, int first, int end, bool isTanh)
    {
        int column = (gate * s.Hidden) + first, count = end - first, at = (row * s.Features) + column;
        bool addsX = b.IsPresent && !s.IsSummed;
        DeviceBuffer<T> product = s.Product.Slice(at, count), y = s.Activations.Slice(at, count);
        DeviceBuffer<T> added = addsX ? s.X.Slice(at, count) : s.IsSummed && b.IsPresent ? s.Shift.Slice(column, count) : default;
        V zero = V.Splat(T.Zero);
        for (int j = 0; j < count; j += V.Width)
        {
            int lanes = count - j;
            V a = V.Load(product, j, lanes, zero);
            if (b.IsPresent)
            {
                a = Normalize(s, b, column + j, a, V.Load(added, j, lanes, zero), lanes);
            }
            V.Store(isTanh ? V.Tanh(a) : SigmoidOp<T>.Value(a), y, j, lanes);
        }
    }

    /// <summary>gain xHat + added, of products from a feature on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Normalize(in SequenceBuffers<T> s, in BatchStep<T> b, int feature, V product, V added, int lanes)
    {
        V zero = V.Splat(T.Zero);
        int at = (b.Step * s.Features) + feature;
        V scale = V.Load(s.Gain, feature, lanes, zero) * V.Load(b.Rstd, at, lanes, zero);
        return V.MultiplyAdd(product - V.Load(b.Mean, at, lanes, zero), scale, added);
    }

    /// <summary>Turns the gradients of every gate's gain xHat into those of its product, and adds to those of gain and shift.</summary>
    public static void Backward(
        in SequenceBuffers<T> s, in SequenceGradients<T> d, in BatchStep<T> b, DeviceBuffer<T> from, int first, int end)
    {
        int g = s.Features;
        DeviceBuffer<T> product = s.Step(s.Product, b.Step, g), dy = s.Step(from, b.Step, g), dproduct = s.Step(d.Product, b.Step, g);
        for (int column = first; column < g; column += s.Hidden)
        {
            BatchColumns<T, V>.Backward(
                b, product, dy, dproduct, s.Gain, d.Gain, d.Shift, column, (b.Step * g) + column, end - first);
        }
    }
}

/// <summary>The hidden state of a row between two steps, for the same kernels.</summary>
internal static class BatchHidden<T, V, TMasks>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
    where TMasks : struct, IMasking
{
    /// <summary>Hands on what a step made, blended with the state before it where cases are padded or zoned out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(in SequenceBuffers<T> s, int n, int row, int j, int lanes, V made)
    {
        int i = (row * s.Hidden) + j, next = i + (s.Cases * s.Hidden);
        if (TMasks.IsPresent)
        {
            V one = V.Splat(T.One);
            V share = MaskReader<T, V>.Padding(s.Padding, row) * MaskReader<T, V>.Factors(s.HiddenShare, i, lanes);
            made = (share * made) + ((one - share) * V.Load(s.States, i, lanes, one));
            V.Store(made * MaskReader<T, V>.Factors(s.EnteringFactors, (n * s.Hidden) + j, lanes), s.Entering, next, lanes);
        }
        V.Store(made, s.States, next, lanes);
    }

    /// <summary>The gradient of what the step made, by the output and the next step's product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Take(in SequenceBuffers<T> s, in SequenceGradients<T> d, int n, int row, int j, int lanes)
    {
        V zero = V.Splat(T.Zero);
        return TMasks.IsPresent
            ? HiddenGradient<T, V>.Take(s, d, n, row, j, lanes)
            : V.Load(d.Outputs, (row * s.Hidden) + j, lanes, zero) + V.Load(d.FromProduct, (n * s.Hidden) + j, lanes, zero);
    }
}
