using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>One number as a vector of width 1: what every wider vector must agree with, and what machines without SIMD run.</summary>
/// <remarks>
/// Members are the methods of <typeparamref name="T"/> itself, that is of System.Math, where it has accurate ones: its ExpM1 and Log1P are
/// not.
/// </remarks>
internal readonly unsafe struct Scalar<T>(T value) : ISimd<Scalar<T>, T>, IExponentField<Scalar<T>>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly T value = value;

    public static int Width => 1;

    public static Scalar<T> Splat(T value) => new(value);

    public static Scalar<T> operator +(Scalar<T> a, Scalar<T> b) => new(a.value + b.value);

    public static Scalar<T> operator -(Scalar<T> a, Scalar<T> b) => new(a.value - b.value);

    public static Scalar<T> operator *(Scalar<T> a, Scalar<T> b) => new(a.value * b.value);

    public static Scalar<T> operator /(Scalar<T> a, Scalar<T> b) => new(a.value / b.value);

    public static Scalar<T> operator -(Scalar<T> a) => new(-a.value);

    public static Scalar<T> MultiplyAdd(Scalar<T> a, Scalar<T> b, Scalar<T> c) => new(T.FusedMultiplyAdd(a.value, b.value, c.value));

    public static Scalar<T> SelectGreater(Scalar<T> a, Scalar<T> b, Scalar<T> ifGreater, Scalar<T> otherwise) =>
        a.value > b.value ? ifGreater : otherwise;

    public static Scalar<T> Max(Scalar<T> a, Scalar<T> b) => new(T.Max(a.value, b.value));

    public static Scalar<T> Min(Scalar<T> a, Scalar<T> b) => new(T.Min(a.value, b.value));

    public static Scalar<T> Abs(Scalar<T> x) => new(T.Abs(x.value));

    public static Scalar<T> Sqrt(Scalar<T> x) => new(T.Sqrt(x.value));

    public static Scalar<T> Exp(Scalar<T> x) => new(T.Exp(x.value));

    public static Scalar<T> ExpM1(Scalar<T> x) => VectorMath.ExpM1<Scalar<T>, T>(x);

    public static Scalar<T> Log(Scalar<T> x) => new(T.Log(x.value));

    public static Scalar<T> Log1P(Scalar<T> x) => VectorMath.Log1P<Scalar<T>, T>(x);

    public static Scalar<T> Tanh(Scalar<T> x) => new(T.Tanh(x.value));

    public static Scalar<T> Erf(Scalar<T> x) => ErrorFunction.Erf<Scalar<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Scalar<T> Load(DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, 1);
        return new(((T*)buffer.Address)[index]);
    }

    public static Scalar<T> Load(DeviceBuffer<T> buffer, nint index, int count, Scalar<T> fill) => count > 0 ? Load(buffer, index) : fill;

    public static Scalar<T> LoadSplat(DeviceBuffer<T> buffer, nint index) => Load(buffer, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Scalar<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, 1);
        ((T*)buffer.Address)[index] = value.value;
    }

    public static void Store(Scalar<T> value, DeviceBuffer<T> buffer, nint index, int count)
    {
        if (count > 0)
        {
            Store(value, buffer, index);
        }
    }

    public static void StoreScalar(Scalar<T> value, DeviceBuffer<T> buffer, nint index) => Store(value, buffer, index);

    public static Scalar<T> Sum(Scalar<T> value) => value;

    public static Scalar<T> MaxAcross(Scalar<T> value) => value;

    public static Scalar<T> Round(Scalar<T> x) => new(T.Round(x.value));

    public static Scalar<T> ScaleByPowerOfTwo(Scalar<T> x, Scalar<T> n) => new(T.ScaleB(x.value, int.CreateSaturating(n.value)));
}
