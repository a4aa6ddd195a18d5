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

/// <summary>Two operands and the shape they are broadcast to: the arguments that <see cref="IBackend{T}.Zip"/> and its VJP share.</summary>
/// <remarks>Shapes are kept by reference: few calls use them, and copying three takes as long as adding a few numbers.</remarks>
/// <param name="a">The first operand, of shape <paramref name="shapeA"/>.</param>
/// <param name="shapeA">Broadcasts to <paramref name="shape"/>.</param>
/// <param name="b">The second operand, of shape <paramref name="shapeB"/>.</param>
/// <param name="shapeB">Broadcasts to <paramref name="shape"/>.</param>
/// <param name="shape">The shape of the result.</param>
public readonly ref struct ZipOperands<T>(DeviceBuffer<T> a, in Shape shapeA, DeviceBuffer<T> b, in Shape shapeB, in Shape shape)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly ref readonly Shape shapeA = ref shapeA;
    private readonly ref readonly Shape shapeB = ref shapeB;
    private readonly ref readonly Shape shape = ref shape;

    /// <summary>The first operand.</summary>
    public DeviceBuffer<T> A { get; } = a;

    /// <summary>The second operand.</summary>
    public DeviceBuffer<T> B { get; } = b;

    /// <summary>The shape of <see cref="A"/>.</summary>
    public ref readonly Shape ShapeA => ref shapeA;

    /// <summary>The shape of <see cref="B"/>.</summary>
    public ref readonly Shape ShapeB => ref shapeB;

    /// <summary>The shape of the result.</summary>
    public ref readonly Shape Shape => ref shape;
}
