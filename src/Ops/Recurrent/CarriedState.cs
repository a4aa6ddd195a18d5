using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The state of a recurrent network from one piece of a long sequence to the next: truncated back-propagation through time. The values
/// outlive <see cref="Tape{T}.Reset"/>; gradients stop at the cut.
/// </summary>
/// <example><code>
/// Span&lt;RecurrentState&lt;float&gt;&gt; states = carried.Load(tape);
/// Tensor&lt;float&gt; outputs = lstm.Forward(x, states);
/// carried.Save(states);
/// </code></example>
public sealed class CarriedState<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly IBackend<T> backend;
    private readonly DeviceBlock block;
    private readonly DeviceBuffer<T> values;
    private readonly RecurrentState<T>[] states;
    private readonly Shape shape;
    private readonly bool hasCell;
    private bool isSaved;

    /// <summary>
    /// A place for the states of all cells of <paramref name="layer"/>; before the first <see cref="Save"/> it holds the initial state.
    /// </summary>
    /// <param name="layer">The network.</param>
    /// <param name="backend">Where its parameters live.</param>
    /// <param name="cases">N.</param>
    public CarriedState(RecurrentLayer<T> layer, IBackend<T> backend, int cases)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(backend);
        this.backend = backend;
        shape = new Shape(cases, layer.Hidden);
        hasCell = layer.Cells[0].HasCell;
        states = new RecurrentState<T>[layer.Cells.Count];
        int length = states.Length * (hasCell ? 2 : 1) * shape.ElementCount;
        block = backend.Pool.Rent((long)length * Unsafe.SizeOf<T>());
        values = block.View<T>(length);
    }

    /// <summary>Forgets what was saved: the next piece starts from the initial state.</summary>
    public void Clear() => isSaved = false;

    /// <summary>
    /// The saved states as constants of a tape, to be passed to
    /// <see cref="RecurrentLayer{T}.Forward(Tensor{T}, Span{RecurrentState{T}}, Tensor{T}?, Training.Phase)"/>.
    /// </summary>
    public Span<RecurrentState<T>> Load(Tape<T> tape)
    {
        ArgumentNullException.ThrowIfNull(tape);
        for (int i = 0; i < states.Length; i++)
        {
            states[i] = isSaved ? new(Part(tape, i, 0), hasCell ? Part(tape, i, 1) : null) : default;
        }
        return states;
    }

    /// <summary>Copies the values of the final states.</summary>
    /// <exception cref="ArgumentException">The states are not as many as the cells, or of other shapes.</exception>
    public void Save(ReadOnlySpan<RecurrentState<T>> final)
    {
        if (final.Length != states.Length)
        {
            throw new ArgumentException($"CarriedState: {final.Length} states were given, but the network has {states.Length} cells.");
        }
        for (int i = 0; i < final.Length; i++)
        {
            Copy(final[i].Hidden, i, 0);
            if (hasCell)
            {
                Copy(final[i].Cell, i, 1);
            }
        }
        isSaved = true;
    }

    /// <summary>Returns the memory to the backend's pool.</summary>
    public void Dispose() => backend.Pool.Return(block);

    // A copy on the tape, since Save overwrites the values while the tape may still need them for its backward pass.
    private Tensor<T> Part(Tape<T> tape, int cell, int part)
    {
        Tensor<T> copy = tape.NewResult(shape, needsGradient: false);
        Copy(Buffer(cell, part), copy.Value);
        return copy;
    }

    private void Copy(Tensor<T>? tensor, int cell, int part)
    {
        Tensor<T> value = tensor ?? throw new ArgumentException(
            "CarriedState: a final state is missing; pass what Forward left in the states.");
        Operands.RequireShape("CarriedState", "a final state", value, shape);
        Copy(value.Value, Buffer(cell, part));
    }

    private void Copy(DeviceBuffer<T> from, DeviceBuffer<T> to)
    {
        Strides strides = Strides.RowMajor(shape);
        backend.Copy(new CopyCall<T>(from, strides, to, strides, shape, T.One, false));
    }

    private DeviceBuffer<T> Buffer(int cell, int part) =>
        values.Slice(((cell * (hasCell ? 2 : 1)) + part) * shape.ElementCount, shape.ElementCount);
}
