using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>
/// A vector of <see cref="Width"/> numbers (or of dual numbers), as kernels use it: <see cref="IReal{V, T}"/> and memory access.
/// Kernels are generic over it and run at every width, scalar included.
/// </summary>
/// <remarks>
/// Elements past the end of a row are left out by the <c>count</c> forms: they touch the first <c>count</c> lanes only, so that no kernel
/// reads or writes outside its buffers. Horizontal results are returned in every lane, so that tangents of dual numbers are kept.
/// Memory access is not bounds-checked, except in debug builds.
/// </remarks>
public interface ISimd<V, T> : IReal<V, T>
    where V : struct, ISimd<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The number of lanes.</summary>
    static abstract int Width { get; }

    /// <summary>The elements from <paramref name="index"/> on, one per lane.</summary>
    static abstract V Load(DeviceBuffer<T> buffer, nint index);

    /// <summary>
    /// The first <paramref name="count"/> lanes from memory, the others <paramref name="fill"/>. <paramref name="count"/> may exceed the
    /// width.
    /// </summary>
    static abstract V Load(DeviceBuffer<T> buffer, nint index, int count, V fill);

    /// <summary>The one element at <paramref name="index"/>, in every lane.</summary>
    static abstract V LoadSplat(DeviceBuffer<T> buffer, nint index);

    /// <summary>Writes every lane from <paramref name="index"/> on.</summary>
    static abstract void Store(V value, DeviceBuffer<T> buffer, nint index);

    /// <summary>Writes the first <paramref name="count"/> lanes. <paramref name="count"/> may exceed the width.</summary>
    static abstract void Store(V value, DeviceBuffer<T> buffer, nint index, int count);

    /// <summary>
    /// Writes every lane from <paramref name="index"/> on, which must be aligned to a whole vector, past the caches if the processor can:
    /// no line is read to be overwritten. Such stores become visible to other threads in no order, until a store fence.
    /// </summary>
    static virtual void StoreNonTemporal(V value, DeviceBuffer<T> buffer, nint index) => V.Store(value, buffer, index);

    /// <summary>Writes the first lane to the one element at <paramref name="index"/>.</summary>
    static abstract void StoreScalar(V value, DeviceBuffer<T> buffer, nint index);

    /// <summary>
    /// sum += a b, rounded once: for sums that stay in registers over a whole loop, since it lets the compiler add in place.
    /// </summary>
    static virtual void AddProduct(ref V sum, V a, V b) => sum = V.MultiplyAdd(a, b, sum);

    /// <summary>sum += a b, rounded once, with the b from <paramref name="index"/> on: one instruction may do both.</summary>
    static virtual void AddProduct(ref V sum, V a, DeviceBuffer<T> b, nint index) => V.AddProduct(ref sum, a, V.Load(b, index));

    /// <summary>
    /// c += a x, d += a y, each rounded once. Two at a time where there are many: the compiler keeps only so many variables of the small
    /// methods that it puts in place in registers, and each call has some.
    /// </summary>
    static virtual void AddProducts(ref V c, ref V d, V a, V x, V y)
    {
        V.AddProduct(ref c, a, x);
        V.AddProduct(ref d, a, y);
    }

    /// <summary>c += a x, d += a y, e += a z, each rounded once.</summary>
    static virtual void AddProducts(ref V c, ref V d, ref V e, V a, V x, V y, V z)
    {
        V.AddProducts(ref c, ref d, a, x, y);
        V.AddProduct(ref e, a, z);
    }

    /// <summary>The sum of all lanes, in every lane.</summary>
    static abstract V Sum(V value);

    /// <summary>The largest lane, in every lane; NaN if one is NaN.</summary>
    static abstract V MaxAcross(V value);
}
