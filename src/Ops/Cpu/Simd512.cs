using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Numbers in one 512-bit register: 16 floats or 8 doubles, for AVX-512.</summary>
/// <remarks>
/// Lane i holds element index + i. Partial loads and stores touch the first lanes only, by mask. The scalar equivalent of every member
/// is the member of the same name of <see cref="Scalar{T}"/>. <c>typeof(T)</c> tests are constants to the JIT and leave one instruction.
/// </remarks>
internal readonly unsafe struct Simd512<T>(Vector512<T> value) : ISimd<Simd512<T>, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Vector512<T> value = value;

    public static int Width
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512<T>.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Splat(T value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> operator +(Simd512<T> a, Simd512<T> b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> operator -(Simd512<T> a, Simd512<T> b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> operator *(Simd512<T> a, Simd512<T> b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> operator /(Simd512<T> a, Simd512<T> b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> operator -(Simd512<T> a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> MultiplyAdd(Simd512<T> a, Simd512<T> b, Simd512<T> c) => typeof(T) == typeof(float)
        ? new(Vector512.FusedMultiplyAdd(a.value.AsSingle(), b.value.AsSingle(), c.value.AsSingle()).As<float, T>())
        : new(Vector512.FusedMultiplyAdd(a.value.AsDouble(), b.value.AsDouble(), c.value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> SelectGreater(Simd512<T> a, Simd512<T> b, Simd512<T> ifGreater, Simd512<T> otherwise) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a.value, b.value), ifGreater.value, otherwise.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Max(Simd512<T> a, Simd512<T> b) => new(Vector512.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Min(Simd512<T> a, Simd512<T> b) => new(Vector512.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Abs(Simd512<T> x) => new(Vector512.Abs(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Sqrt(Simd512<T> x) => new(Vector512.Sqrt(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Exp(Simd512<T> x) => typeof(T) == typeof(float)
        ? new(Vector512.Exp(x.value.AsSingle()).As<float, T>())
        : new(Vector512.Exp(x.value.AsDouble()).As<double, T>());

    public static Simd512<T> ExpM1(Simd512<T> x) => VectorMath.ExpM1<Simd512<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Log(Simd512<T> x) => typeof(T) == typeof(float)
        ? new(Vector512.Log(x.value.AsSingle()).As<float, T>())
        : new(Vector512.Log(x.value.AsDouble()).As<double, T>());

    public static Simd512<T> Log1P(Simd512<T> x) => VectorMath.Log1P<Simd512<T>, T>(x);

    public static Simd512<T> Tanh(Simd512<T> x) => VectorMath.Tanh<Simd512<T>, T>(x);

    public static Simd512<T> Erf(Simd512<T> x) => VectorMath.Erf<Simd512<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Load(DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, Width);
        return new(Vector512.Load((T*)buffer.Address + index));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Load(DeviceBuffer<T> buffer, nint index, int count, Simd512<T> fill) =>
        count >= Width ? Load(buffer, index) : LoadFirst(buffer, index, count, fill);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> LoadSplat(DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, 1);
        return Splat(((T*)buffer.Address)[index]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Simd512<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, Width);
        value.value.Store((T*)buffer.Address + index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Simd512<T> value, DeviceBuffer<T> buffer, nint index, int count)
    {
        if (count >= Width)
        {
            Store(value, buffer, index);
        }
        else
        {
            StoreFirst(value, buffer, index, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreScalar(Simd512<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, 1);
        ((T*)buffer.Address)[index] = value.value.ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Sum(Simd512<T> value) => Splat(Vector512.Sum(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> MaxAcross(Simd512<T> value)
    {
        T largest = value.value[0];
        for (int lane = 1; lane < Width; lane++)
        {
            largest = T.Max(largest, value.value[lane]);
        }
        return Splat(largest);
    }

    private static Simd512<T> LoadFirst(DeviceBuffer<T> buffer, nint index, int count, Simd512<T> fill)
    {
        Bounds.Check(buffer, index, count);
        T* lanes = stackalloc T[Width];
        fill.value.Store(lanes);
        for (int lane = 0; lane < count; lane++)
        {
            lanes[lane] = ((T*)buffer.Address)[index + lane];
        }
        return new(Vector512.Load(lanes));
    }

    private static void StoreFirst(Simd512<T> value, DeviceBuffer<T> buffer, nint index, int count)
    {
        Bounds.Check(buffer, index, count);
        T* lanes = stackalloc T[Width];
        value.value.Store(lanes);
        for (int lane = 0; lane < count; lane++)
        {
            ((T*)buffer.Address)[index + lane] = lanes[lane];
        }
    }
}
