using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>
/// A value that training changes, with its gradient. It outlives the steps of a tape, which reads it through <see cref="Tape{T}.Watch"/>.
/// </summary>
public sealed class Parameter<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // With more rows the arithmetic takes longer than storing the product and reading it again.
    private const int MostDeferredRows = 16;

    // Rows of fewer weights take longer to set up than to update.
    private const int LeastDeferredColumns = 32;

    private readonly DeviceBlock valueBlock, gradientBlock;
    private readonly DeviceBuffer<T> value, gradient;
    private OuterProducts<T> product;
    private bool isSpent, disposed;

    /// <summary>A parameter of zeros.</summary>
    /// <param name="backend">Where it lives.</param>
    /// <param name="name">Its name within its module, such as <c>weight</c>.</param>
    /// <param name="shape">Its extents.</param>
    public unsafe Parameter(IBackend<T> backend, string name, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        Backend = backend;
        Name = Path = name;
        Shape = shape;
        valueBlock = backend.Pool.Rent((long)shape.ElementCount * sizeof(T));
        gradientBlock = backend.Pool.Rent((long)shape.ElementCount * sizeof(T));
        value = valueBlock.View<T>(shape.ElementCount);
        gradient = gradientBlock.View<T>(shape.ElementCount);
        backend.Fill(value, T.Zero);
    }

    /// <summary>Where the parameter lives.</summary>
    public IBackend<T> Backend { get; }

    /// <summary>The name within its module.</summary>
    public string Name { get; }

    /// <summary>The name within the outermost module, such as <c>hidden0.linear.weight</c>.</summary>
    public string Path { get; internal set; }

    /// <summary>The extents of the value and of the gradient.</summary>
    public Shape Shape { get; }

    /// <summary>The value, row-major. Training updates it in place.</summary>
    /// <exception cref="ObjectDisposedException">The parameter is disposed.</exception>
    public DeviceBuffer<T> Value
    {
        get
        {
            ThrowIfDisposed();
            return value;
        }
    }

    /// <summary>Whether a backward pass has written the gradient since the last <see cref="ZeroGradient"/>.</summary>
    public bool HasGradient { get; private set; }

    /// <summary>The sum of the gradients of all backward passes since the last <see cref="ZeroGradient"/>, row-major.</summary>
    /// <exception cref="InvalidOperationException">A step computed it in passing and did not keep it.</exception>
    public DeviceBuffer<T> Gradient
    {
        get
        {
            ThrowIfDisposed();
            ThrowIfSpent();
            if (!HasGradient)
            {
                Backend.Fill(gradient, T.Zero);
            }
            MultiplyOut();
            return gradient;
        }
    }

    /// <summary>Sets the value from host data, row-major.</summary>
    /// <exception cref="ArgumentException"><paramref name="host"/> has another number of elements.</exception>
    public void Set(ReadOnlySpan<T> host)
    {
        Operands.RequireCount("Set", host.Length, Shape);
        if (product.Shares.Length > 0)
        {
            MultiplyOut(); // From the value that was.
        }
        Backend.Upload(host, Value);
    }

    /// <summary>Copies the value to a new array, row-major.</summary>
    public T[] ToArray()
    {
        T[] host = new T[Shape.ElementCount];
        Backend.Download(Value, host);
        return host;
    }

    /// <summary>Copies the gradient to a new array, row-major.</summary>
    public T[] GradientToArray()
    {
        T[] host = new T[Shape.ElementCount];
        Backend.Download(Gradient, host);
        return host;
    }

    /// <summary>Makes the gradient zero: the next backward pass assigns it instead of adding, so that no memory is filled here.</summary>
    public void ZeroGradient()
    {
        HasGradient = isSpent = false;
        product = default;
    }

    /// <summary>Returns the memory to the backend's pool.</summary>
    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            Backend.Pool.Return(valueBlock);
            Backend.Pool.Return(gradientBlock);
        }
    }

    /// <summary>The path and the shape.</summary>
    public override string ToString() => $"{Path} {Shape}";

    /// <summary>Whether a gradient that is a product of few rows is multiplied out only when it is read.</summary>
    internal bool DefersProducts { get; set; }

    /// <summary>
    /// The gradient for an update, without multiplying it out if that was put off. One that takes shares of the value is spent then: the
    /// value is about to change.
    /// </summary>
    internal (DeviceBuffer<T> Gradient, OuterProducts<T> Product) GradientForUpdate()
    {
        if (product.Rows == 0)
        {
            return (Gradient, default);
        }
        OuterProducts<T> taken = product;
        if (taken.Shares.Length > 0)
        {
            isSpent = true;
            product = default;
        }
        return (gradient, taken);
    }

    /// <summary>Puts off the product that is the gradient so far; false if it has to be computed now.</summary>
    internal bool TryDefer(in OuterProducts<T> sum)
    {
        if (!DefersProducts || HasGradient || sum.Rows > MostDeferredRows || sum.Outputs < LeastDeferredColumns)
        {
            return false;
        }
        product = sum;
        return HasGradient = true;
    }

    /// <summary>Puts off taking these shares of the value's columns; false if it has to be done now.</summary>
    internal bool TryDefer(DeviceBuffer<T> shares)
    {
        if (product.Rows == 0 || product.Shares.Length > 0)
        {
            return false;
        }
        product = product with { Shares = shares };
        return true;
    }

    /// <summary>Computes a product that was put off: what it reads is about to change, or the gradient is asked for.</summary>
    internal void MultiplyOut()
    {
        if (product.Rows > 0)
        {
            StoreProduct();
        }
    }

    internal GradientSink<T> TakeSink()
    {
        ThrowIfDisposed();
        ThrowIfSpent();
        MultiplyOut();
        GradientSink<T> sink = new(gradient, HasGradient);
        HasGradient = true;
        return sink;
    }

    private void StoreProduct()
    {
        Backend.Gemm(product.Into(new GradientSink<T>(gradient, Accumulate: false)));
        if (product.Shares.Length > 0)
        {
            ColumnShares<T>.Take(Backend, value, product.Shares, new GradientSink<T>(gradient, Accumulate: true));
        }
        product = default;
    }

    // The messages are made elsewhere, so that the checks, two or three for each op, become part of what calls them.
    private void ThrowIfSpent()
    {
        if (isSpent)
        {
            ThrowSpent();
        }
    }

    private void ThrowIfDisposed()
    {
        if (disposed)
        {
            ThrowDisposed();
        }
        Backend.Pool.ThrowIfDisposed();
    }

    [DoesNotReturn]
    private void ThrowSpent() => throw new InvalidOperationException(
        $"The gradient of {this} was computed while the optimizer changed the value it depends on, and was not kept: read it before " +
        "the step, call ZeroGradient after it, or leave FusesProducts off.");

    [DoesNotReturn]
    private void ThrowDisposed() => throw new ObjectDisposedException(
        ToString(), "The parameter is disposed, perhaps with its module: keep the module as long as it is used.");
}
