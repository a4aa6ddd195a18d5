using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>
/// A backend that computes with dual numbers: beside every element it keeps a tangent, and every kernel carries tangents along by the
/// chain rule. Forward mode over the ops of a tape gives Jacobian-vector products; over its backward pass, Hessian-vector products.
/// </summary>
public interface IDualBackend<T> : IBackend<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Sets the tangents of a buffer. <see cref="IBackend{T}.Upload"/> sets them to zero.</summary>
    void UploadTangent(ReadOnlySpan<T> host, DeviceBuffer<T> buffer);

    /// <summary>Reads the tangents of a buffer.</summary>
    void DownloadTangent(DeviceBuffer<T> buffer, Span<T> host);
}
