using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Numbers in one 256-bit register: 8 floats or 4 doubles, for AVX2 with FMA.</summary>
/// <remarks>
/// Lane i holds element index + i. Partial loads and stores touch the first lanes only, by mask. The scalar equivalent of every member
/// is the member of the same name of <see cref="Scalar{T}"/>. <c>typeof(T)</c> tests are constants to the JIT and leave one instruction.
/// </remarks>
internal readonly unsafe struct Simd256<T>(Vector256<T> value) : ISimd<Simd256<T>, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Vector256<T> value = value;

    public static int Width
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256<T>.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Splat(T value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> operator +(Simd256<T> a, Simd256<T> b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> operator -(Simd256<T> a, Simd256<T> b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> operator *(Simd256<T> a, Simd256<T> b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> operator /(Simd256<T> a, Simd256<T> b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> operator -(Simd256<T> a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> MultiplyAdd(Simd256<T> a, Simd256<T> b, Simd256<T> c) => typeof(T) == typeof(float)
        ? new(Vector256.FusedMultiplyAdd(a.value.AsSingle(), b.value.AsSingle(), c.value.AsSingle()).As<float, T>())
        : new(Vector256.FusedMultiplyAdd(a.value.AsDouble(), b.value.AsDouble(), c.value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> SelectGreater(Simd256<T> a, Simd256<T> b, Simd256<T> ifGreater, Simd256<T> otherwise) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(a.value, b.value), ifGreater.value, otherwise.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Max(Simd256<T> a, Simd256<T> b) => new(Vector256.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Min(Simd256<T> a, Simd256<T> b) => new(Vector256.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Abs(Simd256<T> x) => new(Vector256.Abs(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Sqrt(Simd256<T> x) => new(Vector256.Sqrt(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Exp(Simd256<T> x) => typeof(T) == typeof(float)
        ? new(Vector256.Exp(x.value.AsSingle()).As<float, T>())
        : new(Vector256.Exp(x.value.AsDouble()).As<double, T>());

    public static Simd256<T> ExpM1(Simd256<T> x) => VectorMath.ExpM1<Simd256<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Log(Simd256<T> x) => typeof(T) == typeof(float)
        ? new(Vector256.Log(x.value.AsSingle()).As<float, T>())
        : new(Vector256.Log(x.value.AsDouble()).As<double, T>());

    public static Simd256<T> Log1P(Simd256<T> x) => VectorMath.Log1P<Simd256<T>, T>(x);

    public static Simd256<T> Tanh(Simd256<T> x) => VectorMath.Tanh<Simd256<T>, T>(x);

    public static Simd256<T> Erf(Simd256<T> x) => VectorMath.Erf<Simd256<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Load(DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, Width);
        return new(Vector256.Load((T*)buffer.Address + index));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Load(DeviceBuffer<T> buffer, nint index, int count, Simd256<T> fill) =>
        count >= Width ? Load(buffer, index) : LoadFirst(buffer, index, count, fill);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> LoadSplat(DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, 1);
        return Splat(((T*)buffer.Address)[index]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Simd256<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, Width);
        value.value.Store((T*)buffer.Address + index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Simd256<T> value, DeviceBuffer<T> buffer, nint index, int count)
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
    public static void StoreScalar(Simd256<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, 1);
        ((T*)buffer.Address)[index] = value.value.ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Sum(Simd256<T> value) => Splat(Vector256.Sum(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> MaxAcross(Simd256<T> value)
    {
        T largest = value.value[0];
        for (int lane = 1; lane < Width; lane++)
        {
            largest = T.Max(largest, value.value[lane]);
        }
        return Splat(largest);
    }

    private static Simd256<T> LoadFirst(DeviceBuffer<T> buffer, nint index, int count, Simd256<T> fill)
    {
        Bounds.Check(buffer, index, count);
        T* lanes = stackalloc T[Width];
        fill.value.Store(lanes);
        for (int lane = 0; lane < count; lane++)
        {
            lanes[lane] = ((T*)buffer.Address)[index + lane];
        }
        return new(Vector256.Load(lanes));
    }

    private static void StoreFirst(Simd256<T> value, DeviceBuffer<T> buffer, nint index, int count)
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
