using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>
/// A handle to a value on a tape: which tape, which slot, and since when. It owns nothing and copies freely, in two registers.
/// </summary>
/// <remarks>
/// After <see cref="Tape{T}.Reset"/> the slot may hold another value; the generation kept here tells, so that a stale
/// handle throws instead of reading the newcomer.
/// </remarks>
/// <typeparam name="T">The element type, float or double.</typeparam>
public readonly struct Tensor<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Tape<T>? tape;

    internal Tensor(Tape<T> tape, int slot, int generation)
    {
        this.tape = tape;
        Slot = slot;
        Generation = generation;
    }

    /// <summary>The tape that holds the value.</summary>
    /// <exception cref="InvalidOperationException">The handle is <c>default</c> and names no tensor.</exception>
    public Tape<T> Tape => TapeFor("Tensor");

    /// <summary>The extents of the value.</summary>
    /// <exception cref="InvalidOperationException">The tensor is stale.</exception>
    public Shape Shape => Tape.Tensors[this].Shape;

    /// <summary>Whether <see cref="Tape{T}.Backward(Tensor{T})"/> computes a gradient for this tensor.</summary>
    public bool NeedsGradient => Tape.Tensors[this].NeedsGradient;

    /// <summary>The value, row-major, in the memory of the tape's backend.</summary>
    /// <exception cref="InvalidOperationException">The tensor is stale.</exception>
    public DeviceBuffer<T> Value => Tape.Tensors[this].Value;

    /// <summary>The gradient of the last backward pass by this tensor, in the memory of the tape's backend.</summary>
    /// <exception cref="InvalidOperationException">The tensor is stale, or no gradient reached it.</exception>
    public DeviceBuffer<T> Gradient => Tape.Tensors.GradientOf(this);

    internal int Slot { get; }

    internal int Generation { get; }

    internal Tape<T> TapeFor(string op) => tape ?? throw new InvalidOperationException(
        $"{op}: default(Tensor<T>) names no tensor. Make one with Tape.Constant, Tape.Variable, Tape.Watch or an op.");

    /// <summary>
    /// Where a vector-Jacobian product writes this tensor's gradient: the first writer of a backward pass assigns, later ones add.
    /// Take the sinks in the order in which they are written.
    /// </summary>
    public GradientSink<T> GradientSink() => Tape.Tensors.TakeSink(this);

    /// <summary>
    /// Writes, or adds to, this tensor's gradient a sum of outer products: at once, or when it is first read, if this is a parameter whose
    /// optimizer <see cref="Training.Optimizer{T}.FusesProducts"/>.
    /// </summary>
    public void AddToGradient(in OuterProducts<T> product)
    {
        if (!Tape.Tensors.TryDefer(this, product) && GradientSink() is { IsWanted: true } sink)
        {
            Tape.Backend.Gemm(product.Into(sink));
        }
    }

    /// <summary>
    /// Takes from this matrix's gradient each of its own columns, times one number per column: at once, or together with the outer products
    /// that were put off.
    /// </summary>
    /// <param name="shares">The numbers, in memory that lasts until the tape is reset.</param>
    public void TakeColumnsFromGradient(DeviceBuffer<T> shares)
    {
        if (!Tape.Tensors.TryDefer(this, shares) && GradientSink() is { IsWanted: true } sink)
        {
            ColumnShares<T>.Take(Tape.Backend, Value, shares, sink);
        }
    }

    /// <summary>Copies the value to <paramref name="host"/>, row-major.</summary>
    /// <exception cref="ArgumentException"><paramref name="host"/> has another length than the tensor.</exception>
    public void CopyTo(Span<T> host)
    {
        Operands.RequireCount("CopyTo", host.Length, Shape);
        Tape.Backend.Download(Value, host);
    }

    /// <summary>Copies the value to a new array, row-major.</summary>
    public T[] ToArray()
    {
        T[] host = new T[Shape.ElementCount];
        CopyTo(host);
        return host;
    }

    /// <summary>Copies the gradient of the last backward pass to a new array, row-major.</summary>
    /// <exception cref="InvalidOperationException">The tensor is stale, or no gradient reached it.</exception>
    public T[] GradientToArray()
    {
        T[] host = new T[Shape.ElementCount];
        Tape.Backend.Download(Gradient, host);
        return host;
    }

    /// <summary>The only element of a tensor that has one.</summary>
    /// <exception cref="InvalidOperationException">The tensor has several elements.</exception>
    public T Item()
    {
        if (Shape.ElementCount != 1)
        {
            throw new InvalidOperationException(
                $"Item: a tensor of shape {Shape} has {Shape.ElementCount} elements, not one; use ToArray, or reduce it first.");
        }
        T item = default;
        CopyTo(new Span<T>(ref item));
        return item;
    }

    /// <summary>The value as NumPy prints arrays, abbreviated when it is large.</summary>
    public override string ToString() => tape is null ? "no tensor" : TensorText.Format(ToArray(), Shape);
}
