using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>A differentiable function of two numbers, with its vector-Jacobian product.</summary>
public interface IBinaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Whether <see cref="Vjp"/> looks at a and b; if not, they are not read from memory.</summary>
    static virtual bool VjpReadsOperands => true;

    /// <summary>y = f(a, b).</summary>
    V Forward<V>(V a, V b)
        where V : struct, IReal<V, T>;

    /// <summary>(df/da dy, df/db dy).</summary>
    (V Da, V Db) Vjp<V>(V a, V b, V dy)
        where V : struct, IReal<V, T>;
}

/// <summary>The arguments of <see cref="IBackend{T}.Zip"/>.</summary>
/// <param name="A">The first operand, of shape <paramref name="ShapeA"/>.</param>
/// <param name="ShapeA">Broadcasts to <paramref name="Shape"/>.</param>
/// <param name="B">The second operand, of shape <paramref name="ShapeB"/>.</param>
/// <param name="ShapeB">Broadcasts to <paramref name="Shape"/>.</param>
/// <param name="Y">The result.</param>
/// <param name="Shape">The shape of the result.</param>
public readonly record struct ZipCall<T>(DeviceBuffer<T> A, Shape ShapeA, DeviceBuffer<T> B, Shape ShapeB, DeviceBuffer<T> Y, Shape Shape)
    where T : unmanaged, IFloatingPointIeee754<T>;

/// <summary>The arguments of <see cref="IBackend{T}.ZipVjp"/>.</summary>
/// <param name="A">The first operand, of shape <paramref name="ShapeA"/>.</param>
/// <param name="ShapeA">Broadcasts to <paramref name="Shape"/>.</param>
/// <param name="B">The second operand, of shape <paramref name="ShapeB"/>.</param>
/// <param name="ShapeB">Broadcasts to <paramref name="Shape"/>.</param>
/// <param name="Dy">The gradient of the result.</param>
/// <param name="Da">Where df/da dy goes: as many elements as <paramref name="Shape"/>, or not wanted. Written before
/// <paramref name="Db"/>.</param>
/// <param name="Db">Where df/db dy goes: as many elements as <paramref name="Shape"/>, or not wanted.</param>
/// <param name="Shape">The shape of the result.</param>
public readonly record struct ZipVjpCall<T>(
    DeviceBuffer<T> A, Shape ShapeA, DeviceBuffer<T> B, Shape ShapeB, DeviceBuffer<T> Dy, GradientSink<T> Da, GradientSink<T> Db, Shape Shape)
    where T : unmanaged, IFloatingPointIeee754<T>;
