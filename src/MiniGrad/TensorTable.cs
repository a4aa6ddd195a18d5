using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>What a tape keeps of one tensor.</summary>
internal struct TapeEntry<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public DeviceBuffer<T> Value;
    public DeviceBuffer<T> Gradient;
    public Shape Shape;
    public Parameter<T>? Parameter;
    public bool NeedsGradient;
    public bool HasGradient;
}

/// <summary>
/// The tensors of a tape: a handle's slot is an index here. Clearing the table starts a new generation, which makes all handles stale.
/// </summary>
internal sealed class TensorTable<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Dictionary<Parameter<T>, Tensor<T>> watched = [];
    private TapeEntry<T>[] entries = new TapeEntry<T>[64];
    private int generation = 1;

    public int Count { get; private set; }

    public Tensor<T> Add(Tape<T> tape, in Shape shape, DeviceBuffer<T> value, bool needsGradient, Parameter<T>? parameter = null)
    {
        if (Count == entries.Length)
        {
            Array.Resize(ref entries, 2 * entries.Length);
        }
        ref TapeEntry<T> entry = ref entries[Count]; // All zeros.
        entry.Value = value;
        entry.Shape = shape;
        entry.NeedsGradient = needsGradient;
        if (parameter is not null)
        {
            entry.Parameter = parameter;
        }
        return new Tensor<T>(tape, Count++, generation);
    }

    /// <summary>The handle to what is in a slot.</summary>
    public Tensor<T> At(Tape<T> tape, int slot) => new(tape, slot, generation);

    public Tensor<T> Watch(Tape<T> tape, Parameter<T> parameter, bool recording)
    {
        if (!watched.TryGetValue(parameter, out Tensor<T> leaf))
        {
            if (parameter.Backend != tape.Backend)
            {
                throw new InvalidOperationException(
                    $"Watch: the parameter {parameter} lives on another backend ({parameter.Backend.Name}) than the tape " +
                    $"({tape.Backend.Name}): make both with one.");
            }
            leaf = Add(tape, parameter.Shape, parameter.Value, needsGradient: false, parameter);
            watched.Add(parameter, leaf);
        }
        entries[leaf.Slot].NeedsGradient |= recording;
        return leaf;
    }

    /// <summary>The entry behind a handle, which must be of this generation.</summary>
    public ref TapeEntry<T> this[Tensor<T> tensor]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            RequireFresh(tensor, "Tensor");
            return ref entries[tensor.Slot];
        }
    }

    /// <summary>Throws, under the name of the op that asks, if the handle is of an earlier generation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void RequireFresh(Tensor<T> tensor, string op)
    {
        if (tensor.Generation != generation)
        {
            ThrowStale(tensor, op);
        }
    }

    public bool HasGradient(Tensor<T> tensor) => this[tensor].HasGradient;

    /// <summary>Forgets the gradients of an earlier pass; those of parameters stay, since they add up over passes.</summary>
    public void StartBackward(Tensor<T> output)
    {
        if (!this[output].NeedsGradient || this[output].Parameter is not null)
        {
            throw new InvalidOperationException(
                $"Backward: the tensor of shape {output.Shape} is no function of a parameter or Variable (or recording was paused), " +
                "so there is nothing to differentiate. Watch parameters and make inputs with Variable before the ops run.");
        }
        if (watched.Count > 0)
        {
            MultiplyOut();
        }
        foreach (ref TapeEntry<T> entry in entries.AsSpan(0, Count))
        {
            entry.HasGradient = false;
        }
    }

    public GradientSink<T> TakeSink(Tensor<T> tensor)
    {
        ref TapeEntry<T> entry = ref this[tensor];
        if (!entry.NeedsGradient)
        {
            return default;
        }
        if (entry.Parameter is { } parameter)
        {
            return parameter.TakeSink();
        }
        DeviceBuffer<T> gradient = entry.Gradient;
        if (gradient.Length == 0)
        {
            entry.Gradient = gradient = tensor.Tape.Rent<T>(entry.Value.Length);
        }
        GradientSink<T> sink = new(gradient, entry.HasGradient);
        entry.HasGradient = true;
        return sink;
    }

    /// <summary>
    /// Puts off a product that is the gradient of a parameter so far. Not one with an operand in a parameter's memory, which the optimizer
    /// changes.
    /// </summary>
    public bool TryDefer(Tensor<T> tensor, in OuterProducts<T> product)
    {
        ref TapeEntry<T> entry = ref this[tensor];
        if (entry.Parameter is not { DefersProducts: true } || !entry.NeedsGradient)
        {
            return false;
        }
        foreach (Parameter<T> parameter in watched.Keys)
        {
            nint distance = product.X.Address - parameter.Value.Address;
            if (distance >= 0 && distance < (nint)parameter.Value.Length * Unsafe.SizeOf<T>())
            {
                return false;
            }
        }
        return entry.Parameter.TryDefer(product);
    }

    /// <summary>Puts off taking these shares of a parameter's columns from its gradient, if what they are taken from was put off.</summary>
    public bool TryDefer(Tensor<T> tensor, DeviceBuffer<T> shares) => this[tensor].Parameter is { } parameter && parameter.TryDefer(shares);

    /// <summary>Computes all products that were put off.</summary>
    public void MultiplyOut()
    {
        foreach (Parameter<T> parameter in watched.Keys)
        {
            parameter.MultiplyOut();
        }
    }

    public DeviceBuffer<T> GradientOf(Tensor<T> tensor)
    {
        ref TapeEntry<T> entry = ref this[tensor];
        if (entry.Parameter is { } parameter)
        {
            return parameter.Gradient;
        }
        return entry.HasGradient ? entry.Gradient : throw new InvalidOperationException(
            $"The tensor of shape {tensor.Shape} has no gradient: " +
            (entry.NeedsGradient
                ? "call Tape.Backward first, on a loss that depends on it."
                : "it is a Constant, or was made while recording was paused; make it with Tape.Variable."));
    }

    public void Clear()
    {
        if (watched.Count > 0)
        {
            MultiplyOut();
            watched.Clear();
        }
        Array.Clear(entries, 0, Count);
        Count = 0;
        generation++;
    }

    private static void ThrowStale(Tensor<T> tensor, string op) => throw new InvalidOperationException(
        $"{op}: tensor {tensor.Slot} of the tape is stale: it was made before Tape.Reset, which reused its memory. " +
        "Copy values out (ToArray) before the reset, or make the tensor again after it.");
}
