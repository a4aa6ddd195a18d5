using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Cpu;

/// <summary>Numbers in one 512-bit register: 16 floats or 8 doubles, for AVX-512.</summary>
/// <remarks>
/// Lane i holds element index + i. Partial loads and stores touch the first lanes only, by mask. The scalar equivalent of every member
/// is the member of the same name of <see cref="Scalar{T}"/>. <c>typeof(T)</c> tests are constants to the JIT and leave one instruction.
/// </remarks>
internal readonly unsafe struct Simd512<T>(Vector512<T> value) : ISimd<Simd512<T>, T>, IExponentField<Simd512<T>>
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
    public static Simd512<T> MultiplyAdd(Simd512<T> a, Simd512<T> b, Simd512<T> c) => new(FusedMultiplyAdd(a.value, b.value, c.value));

    // The splat must stand in the expression that it is for, or the JIT does not make it part of the instruction.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> operator *(T a, Simd512<T> b) => typeof(T) == typeof(float)
        ? new((Vector512.Create((float)(object)a) * b.value.AsSingle()).As<float, T>())
        : new((Vector512.Create((double)(object)a) * b.value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> MultiplyAdd(T a, Simd512<T> b, Simd512<T> c) => typeof(T) == typeof(float)
        ? new(Vector512.FusedMultiplyAdd(Vector512.Create((float)(object)a), b.value.AsSingle(), c.value.AsSingle()).As<float, T>())
        : new(Vector512.FusedMultiplyAdd(Vector512.Create((double)(object)a), b.value.AsDouble(), c.value.AsDouble()).As<double, T>());

    // Written to the field itself: through a new struct, the JIT computes the result in a's register and moves it. On Intel's processors
    // such a move takes a slot that an arithmetic instruction could have had.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(ref Simd512<T> sum, Simd512<T> a, Simd512<T> b) =>
        Unsafe.AsRef(in sum.value) = FusedMultiplyAdd(a.value, b.value, sum.value);

    // The load must stand in the expression that it is for, or the JIT does not make it part of the instruction.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(ref Simd512<T> sum, Simd512<T> a, DeviceBuffer<T> b, nint index)
    {
        Bounds.Check(b, index, Width);
        Unsafe.AsRef(in sum.value) = FusedMultiplyAdd(a.value, Vector512.Load((T*)b.Address + index), sum.value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProducts(ref Simd512<T> c, ref Simd512<T> d, Simd512<T> a, Simd512<T> x, Simd512<T> y)
    {
        Unsafe.AsRef(in c.value) = FusedMultiplyAdd(a.value, x.value, c.value);
        Unsafe.AsRef(in d.value) = FusedMultiplyAdd(a.value, y.value, d.value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProducts(
        ref Simd512<T> c, ref Simd512<T> d, ref Simd512<T> e, Simd512<T> a, Simd512<T> x, Simd512<T> y, Simd512<T> z)
    {
        Unsafe.AsRef(in c.value) = FusedMultiplyAdd(a.value, x.value, c.value);
        Unsafe.AsRef(in d.value) = FusedMultiplyAdd(a.value, y.value, d.value);
        Unsafe.AsRef(in e.value) = FusedMultiplyAdd(a.value, z.value, e.value);
    }

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
    public static Simd512<T> Exp(Simd512<T> x) => VectorMath.Exp<Simd512<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> ExpM1(Simd512<T> x) => VectorMath.ExpM1<Simd512<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Log(Simd512<T> x) => typeof(T) == typeof(float)
        ? new(Vector512.Log(x.value.AsSingle()).As<float, T>())
        : new(Vector512.Log(x.value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Log1P(Simd512<T> x) => VectorMath.Log1P<Simd512<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Tanh(Simd512<T> x) => VectorMath.Tanh<Simd512<T>, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Erf(Simd512<T> x) => ErrorFunction.Erf<Simd512<T>, T>(x);

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
    public static void StoreNonTemporal(Simd512<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, Width);
        value.value.StoreAlignedNonTemporal((T*)buffer.Address + index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreScalar(Simd512<T> value, DeviceBuffer<T> buffer, nint index)
    {
        Bounds.Check(buffer, index, 1);
        ((T*)buffer.Address)[index] = value.value.ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Sum(Simd512<T> value) => Splat(Simd256<T>.Total(value.value.GetLower() + value.value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> MaxAcross(Simd512<T> value)
    {
        Vector256<T> half = Vector256.Max(value.value.GetLower(), value.value.GetUpper());
        return Splat(Simd256<T>.Largest(half));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> Round(Simd512<T> x) => typeof(T) == typeof(float)
        ? new(Vector512.Round(x.value.AsSingle()).As<float, T>())
        : new(Vector512.Round(x.value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512<T> ScaleByPowerOfTwo(Simd512<T> x, Simd512<T> n) => typeof(T) == typeof(float)
        ? new(Avx512F.Scale(x.value.AsSingle(), n.value.AsSingle()).As<float, T>())
        : new(Avx512F.Scale(x.value.AsDouble(), n.value.AsDouble()).As<double, T>());

    /// <summary>All bits set in the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> FirstLanes(int count) => typeof(T) == typeof(float)
        ? Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).As<int, T>()
        : Vector512.LessThan(Vector512<long>.Indices, Vector512.Create((long)count)).As<long, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Simd512<T> LoadFirst(DeviceBuffer<T> buffer, nint index, int count, Simd512<T> fill)
    {
        Bounds.Check(buffer, index, count);
        T* from = (T*)buffer.Address + index;
        return typeof(T) == typeof(float)
            ? new(Avx512F.MaskLoad((float*)from, FirstLanes(count).AsSingle(), fill.value.AsSingle()).As<float, T>())
            : new(Avx512F.MaskLoad((double*)from, FirstLanes(count).AsDouble(), fill.value.AsDouble()).As<double, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFirst(Simd512<T> value, DeviceBuffer<T> buffer, nint index, int count)
    {
        Bounds.Check(buffer, index, count);
        T* to = (T*)buffer.Address + index;
        if (typeof(T) == typeof(float))
        {
            Avx512F.MaskStore((float*)to, FirstLanes(count).AsSingle(), value.value.AsSingle());
        }
        else
        {
            Avx512F.MaskStore((double*)to, FirstLanes(count).AsDouble(), value.value.AsDouble());
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> FusedMultiplyAdd(Vector512<T> a, Vector512<T> b, Vector512<T> c) => typeof(T) == typeof(float)
        ? Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();
}
