using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Numbers in one 256-bit register: 8 floats or 4 doubles, for AVX2 with FMA.</summary>
/// <remarks>
/// Lane i holds element index + i. Partial loads and stores touch the first lanes only, by mask. The scalar equivalent of every member
/// is the member of the same name of <see cref="Scalar{T}"/>. <c>typeof(T)</c> tests are constants to the JIT and leave one instruction.
/// </remarks>
internal readonly unsafe struct Simd256<T>(Vector256<T> value) : ISimd<Simd256<T>, T>, IExponentField<Simd256<T>>
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
    public static Simd256<T> MultiplyAdd(Simd256<T> a, Simd256<T> b, Simd256<T> c) => new(FusedMultiplyAdd(a.value, b.value, c.value));

    // Written to the field itself: through a new struct, the JIT computes the result in a's register and moves it. On Intel's processors
    // such a move takes a slot that an arithmetic instruction could have had.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(ref Simd256<T> sum, Simd256<T> a, Simd256<T> b) =>
        Unsafe.AsRef(in sum.value) = FusedMultiplyAdd(a.value, b.value, sum.value);

    // The load must stand in the expression that it is for, or the JIT does not make it part of the instruction.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(ref Simd256<T> sum, Simd256<T> a, DeviceBuffer<T> b, nint index)
    {
        Bounds.Check(b, index, Width);
        Unsafe.AsRef(in sum.value) = FusedMultiplyAdd(a.value, Vector256.Load((T*)b.Address + index), sum.value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProducts(ref Simd256<T> c, ref Simd256<T> d, Simd256<T> a, Simd256<T> x, Simd256<T> y)
    {
        Unsafe.AsRef(in c.value) = FusedMultiplyAdd(a.value, x.value, c.value);
        Unsafe.AsRef(in d.value) = FusedMultiplyAdd(a.value, y.value, d.value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProducts(
        ref Simd256<T> c, ref Simd256<T> d, ref Simd256<T> e, Simd256<T> a, Simd256<T> x, Simd256<T> y, Simd256<T> z)
    {
        Unsafe.AsRef(in c.value) = FusedMultiplyAdd(a.value, x.value, c.value);
        Unsafe.AsRef(in d.value) = FusedMultiplyAdd(a.value, y.value, d.value);
        Unsafe.AsRef(in e.value) = FusedMultiplyAdd(a.value, z.value, e.value);
    }

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
    public static Simd256<T> Exp(Simd256<T> x) => VectorMath.Exp<Simd256<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> ExpM1(Simd256<T> x) => VectorMath.ExpM1<Simd256<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Log(Simd256<T> x) => typeof(T) == typeof(float)
        ? new(Vector256.Log(x.value.AsSingle()).As<float, T>())
        : new(Vector256.Log(x.value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Log1P(Simd256<T> x) => VectorMath.Log1P<Simd256<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Tanh(Simd256<T> x) => VectorMath.Tanh<Simd256<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Erf(Simd256<T> x) => ErrorFunction.Erf<Simd256<T>, T>(x);

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
    public static void StoreNonTemporal(Simd256<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, Width);
        value.value.StoreAlignedNonTemporal((T*)buffer.Address + index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreScalar(Simd256<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, 1);
        ((T*)buffer.Address)[index] = value.value.ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Sum(Simd256<T> value) => Splat(Total(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> MaxAcross(Simd256<T> value) => Splat(Largest(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> Round(Simd256<T> x) => typeof(T) == typeof(float)
        ? new(Vector256.Round(x.value.AsSingle()).As<float, T>())
        : new(Vector256.Round(x.value.AsDouble()).As<double, T>());

    // 2^n may be out of range where x 2^n is not: two factors, of half of n each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256<T> ScaleByPowerOfTwo(Simd256<T> x, Simd256<T> n)
    {
        Simd256<T> half = Round(n * Splat(VectorMath.C<T>(0.5)));
        return x * PowerOfTwo(half) * PowerOfTwo(n - half);
    }

    /// <summary>The sum of all lanes, halving at each step: Vector256.Sum adds each half by itself, with twice the instructions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T Total(Vector256<T> lanes) => Vector128.Sum(lanes.GetLower() + lanes.GetUpper());

    /// <summary>The largest lane; NaN if one is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T Largest(Vector256<T> lanes)
    {
        Vector128<T> half = Vector128.Max(lanes.GetLower(), lanes.GetUpper());
        if (typeof(T) == typeof(float))
        {
            Vector128<float> four = half.AsSingle();
            Vector128<float> two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
            return (T)(object)MathF.Max(two[0], two[1]);
        }
        return T.Max(half[0], half[1]);
    }

    /// <summary>
    /// 2^n for an integer n: its bits are n + bias, shifted into the exponent field. Adding 1.5 2^52 (float: 2^23) leaves the integer in
    /// the lowest bits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Simd256<T> PowerOfTwo(Simd256<T> n)
    {
        if (typeof(T) == typeof(float))
        {
            Vector256<int> integer = (n.value.AsSingle() + Vector256.Create(12582912f)).AsInt32();
            return new(((integer << 23) + Vector256.Create(127 << 23)).As<int, T>());
        }
        Vector256<long> wide = (n.value.AsDouble() + Vector256.Create(6755399441055744.0)).AsInt64();
        return new(((wide << 52) + Vector256.Create(1023L << 52)).As<long, T>());
    }

    /// <summary>All bits set in the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> FirstLanes(int count) => typeof(T) == typeof(float)
        ? Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).As<int, T>()
        : Vector256.LessThan(Vector256<long>.Indices, Vector256.Create((long)count)).As<long, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Simd256<T> LoadFirst(DeviceBuffer<T> buffer, nint index, int count, Simd256<T> fill)
    {
        Bounds.Check(buffer, index, count);
        T* from = (T*)buffer.Address + index;
        Vector256<T> mask = FirstLanes(count);
        Vector256<T> loaded = typeof(T) == typeof(float)
            ? Avx.MaskLoad((float*)from, mask.AsSingle()).As<float, T>()
            : Avx.MaskLoad((double*)from, mask.AsDouble()).As<double, T>();
        return new(Vector256.ConditionalSelect(mask, loaded, fill.value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFirst(Simd256<T> value, DeviceBuffer<T> buffer, nint index, int count)
    {
        Bounds.Check(buffer, index, count);
        T* to = (T*)buffer.Address + index;
        if (typeof(T) == typeof(float))
        {
            Avx.MaskStore((float*)to, FirstLanes(count).AsSingle(), value.value.AsSingle());
        }
        else
        {
            Avx.MaskStore((double*)to, FirstLanes(count).AsDouble(), value.value.AsDouble());
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> FusedMultiplyAdd(Vector256<T> a, Vector256<T> b, Vector256<T> c) => typeof(T) == typeof(float)
        ? Vector256.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : Vector256.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();
}
