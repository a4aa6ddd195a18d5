using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>
/// A vector of dual numbers x + x' e with e^2 = 0: a value and its tangent, the derivative along one direction. For every differentiable f,
/// <code>
/// f(x + x' e) = f(x) + f'(x) x' e
/// </code>
/// so that any kernel, read with these numbers, computes its exact Jacobian-vector product beside its result.
/// </summary>
/// <remarks>
/// The tangent of element i is <see cref="DeviceBuffer{T}.TangentDistance"/> elements behind element i. Where a function has a kink, the
/// tangent is that of the branch whose value is taken; on a tie Max and Min follow their second argument, and Abs has slope 0 at 0.
/// </remarks>
internal readonly struct Dual<V, T>(V value, V tangent) : ISimd<Dual<V, T>, T>
    where V : struct, ISimd<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly V value = value;
    private readonly V tangent = tangent;

    public static int Width => V.Width;

    /// <summary>The memory of the tangents of <paramref name="buffer"/>.</summary>
    public static unsafe DeviceBuffer<T> Tangents(DeviceBuffer<T> buffer) =>
        new(buffer.Address + ((nint)buffer.TangentDistance * sizeof(T)), buffer.Length);

    public static Dual<V, T> Splat(T value) => new(V.Splat(value), V.Splat(T.Zero));

    public static Dual<V, T> operator +(Dual<V, T> a, Dual<V, T> b) => new(a.value + b.value, a.tangent + b.tangent);

    public static Dual<V, T> operator -(Dual<V, T> a, Dual<V, T> b) => new(a.value - b.value, a.tangent - b.tangent);

    public static Dual<V, T> operator *(Dual<V, T> a, Dual<V, T> b) =>
        new(a.value * b.value, V.MultiplyAdd(a.tangent, b.value, a.value * b.tangent));

    // (a / b)' = (a' - (a / b) b') / b
    public static Dual<V, T> operator /(Dual<V, T> a, Dual<V, T> b)
    {
        V quotient = a.value / b.value;
        return new(quotient, (a.tangent - (quotient * b.tangent)) / b.value);
    }

    public static Dual<V, T> operator -(Dual<V, T> a) => new(-a.value, -a.tangent);

    public static Dual<V, T> MultiplyAdd(Dual<V, T> a, Dual<V, T> b, Dual<V, T> c) => new(
        V.MultiplyAdd(a.value, b.value, c.value),
        V.MultiplyAdd(a.tangent, b.value, V.MultiplyAdd(a.value, b.tangent, c.tangent)));

    public static Dual<V, T> SelectGreater(Dual<V, T> a, Dual<V, T> b, Dual<V, T> ifGreater, Dual<V, T> otherwise) => new(
        V.SelectGreater(a.value, b.value, ifGreater.value, otherwise.value),
        V.SelectGreater(a.value, b.value, ifGreater.tangent, otherwise.tangent));

    public static Dual<V, T> Max(Dual<V, T> a, Dual<V, T> b) =>
        new(V.Max(a.value, b.value), V.SelectGreater(a.value, b.value, a.tangent, b.tangent));

    public static Dual<V, T> Min(Dual<V, T> a, Dual<V, T> b) =>
        new(V.Min(a.value, b.value), V.SelectGreater(b.value, a.value, a.tangent, b.tangent));

    public static Dual<V, T> Abs(Dual<V, T> x)
    {
        V zero = V.Splat(T.Zero);
        return new(V.Abs(x.value), V.SelectGreater(x.value, zero, x.tangent, V.SelectGreater(zero, x.value, -x.tangent, zero)));
    }

    // 1 / (2 sqrt x)
    public static Dual<V, T> Sqrt(Dual<V, T> x)
    {
        V root = V.Sqrt(x.value);
        return new(root, x.tangent / (root + root));
    }

    public static Dual<V, T> Exp(Dual<V, T> x)
    {
        V power = V.Exp(x.value);
        return new(power, power * x.tangent);
    }

    // e^x again, not y + 1, which is 0 far below zero.
    public static Dual<V, T> ExpM1(Dual<V, T> x) => new(V.ExpM1(x.value), V.Exp(x.value) * x.tangent);

    public static Dual<V, T> Log(Dual<V, T> x) => new(V.Log(x.value), x.tangent / x.value);

    public static Dual<V, T> Log1P(Dual<V, T> x) => new(V.Log1P(x.value), x.tangent / (V.Splat(T.One) + x.value));

    // 1 - y^2
    public static Dual<V, T> Tanh(Dual<V, T> x)
    {
        V y = V.Tanh(x.value);
        return new(y, (V.Splat(T.One) - (y * y)) * x.tangent);
    }

    // 2 / sqrt(pi) e^(-x^2)
    public static Dual<V, T> Erf(Dual<V, T> x)
    {
        V slope = V.Splat(T.CreateTruncating(2) / T.Sqrt(T.Pi)) * V.Exp(-(x.value * x.value));
        return new(V.Erf(x.value), slope * x.tangent);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Dual<V, T> Load(DeviceBuffer<T> buffer, nint index) => new(V.Load(buffer, index), V.Load(Tangents(buffer), index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Dual<V, T> Load(DeviceBuffer<T> buffer, nint index, int count, Dual<V, T> fill) =>
        new(V.Load(buffer, index, count, fill.value), V.Load(Tangents(buffer), index, count, fill.tangent));

    public static Dual<V, T> LoadSplat(DeviceBuffer<T> buffer, nint index) =>
        new(V.LoadSplat(buffer, index), V.LoadSplat(Tangents(buffer), index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Dual<V, T> value, DeviceBuffer<T> buffer, nint index)
    {
        V.Store(value.value, buffer, index);
        V.Store(value.tangent, Tangents(buffer), index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Dual<V, T> value, DeviceBuffer<T> buffer, nint index, int count)
    {
        V.Store(value.value, buffer, index, count);
        V.Store(value.tangent, Tangents(buffer), index, count);
    }

    public static void StoreScalar(Dual<V, T> value, DeviceBuffer<T> buffer, nint index)
    {
        V.StoreScalar(value.value, buffer, index);
        V.StoreScalar(value.tangent, Tangents(buffer), index);
    }

    public static Dual<V, T> Sum(Dual<V, T> value) => new(V.Sum(value.value), V.Sum(value.tangent));

    /// <summary>The largest lane with its tangent; of lanes that tie, the average tangent.</summary>
    public static Dual<V, T> MaxAcross(Dual<V, T> value)
    {
        V largest = V.MaxAcross(value.value), zero = V.Splat(T.Zero);
        V tangents = V.Sum(V.SelectGreater(largest, value.value, zero, value.tangent));
        V count = V.Sum(V.SelectGreater(largest, value.value, zero, V.Splat(T.One)));
        return new(largest, tangents / count);
    }
}
