using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace MiniGrad.Backends;

/// <summary>
/// A view of elements in a backend's memory. It owns nothing (a <see cref="DeviceBlock"/> does) and is blittable, so that a kernel's
/// arguments can hold it on every device. It is passed in two registers.
/// </summary>
/// <param name="address">Where the first element is; only the backend may follow it.</param>
/// <param name="length">The number of elements.</param>
/// <param name="tangentDistance">
/// How many elements behind an element its tangent is, on a backend that computes with dual numbers
/// (<see cref="IDualBackend{T}"/>); else 0.
/// </param>
/// <typeparam name="T">The element type.</typeparam>
public readonly struct DeviceBuffer<T>(nint address, int length, int tangentDistance = 0)
    where T : unmanaged
{
    /// <summary>Where the first element is, in the backend's address space.</summary>
    public nint Address { get; } = address;

    /// <summary>The number of elements.</summary>
    public int Length { get; } = length;

    /// <summary>How many elements behind an element its tangent is; 0 where there are none.</summary>
    public int TangentDistance { get; } = tangentDistance;

    /// <summary>The <paramref name="length"/> elements from <paramref name="start"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They are not all within this view.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe DeviceBuffer<T> Slice(int start, int length)
    {
        if ((uint)start > (uint)Length || (uint)length > (uint)(Length - start))
        {
            ThrowOutside(start, length);
        }
        return new DeviceBuffer<T>(Address + ((nint)start * sizeof(T)), length, TangentDistance);
    }

    // Apart, so that kernels inline the rest.
    [DoesNotReturn]
    private void ThrowOutside(int start, int length) => throw new ArgumentOutOfRangeException(
        nameof(start), $"Elements {start} to {start + (long)length} are not within a buffer of {Length}.");
}
