using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>
/// Records the ops of a computation as they run, then walks them backwards to get gradients (reverse-mode automatic differentiation).
/// </summary>
/// <remarks>
/// <para>Take L = sum(tanh(x W)). Running it leaves three nodes: MatMul made u from x and W, Tanh made y from u, Sum made L from y. The
/// chain rule says how much L changes with each of them, from the last to the first: dL/dL = 1; Sum turns it into dL/dy = 1 everywhere,
/// Tanh that into dL/du = (1 - y^2) dL/dy, and MatMul that into dL/dW = x^T dL/du and dL/dx = dL/du W^T.</para>
/// <para>No node needs to know the others: given the gradient of its output (a cotangent), it multiplies by the Jacobian of its own op,
/// which yields the gradients of its inputs. This is the op's vector-Jacobian product, <see cref="TapeNode{T}.Backward"/>; the whole chain
/// rule is the reversed loop in <see cref="Backward(Tensor{T}, ReadOnlySpan{T})"/>. A tensor that several ops read gets the sum of what
/// they send: the first to write its gradient assigns, later ones add. Nodes stand in the order they ran, so when a node's turn comes,
/// every op that read its output has already contributed, and nothing needs sorting.</para>
/// <para>A training step makes inputs (<see cref="Constant"/>), runs the model, calls <see cref="Backward(Tensor{T})"/>, updates the
/// parameters and calls <see cref="Reset"/>, which returns all memory to the pool: from the second step on, nothing is allocated. A tape
/// belongs to one thread at a time.</para>
/// </remarks>
/// <typeparam name="T">The element type, float or double.</typeparam>
/// <param name="backend">The device that the ops run on; it is not disposed with the tape.</param>
public sealed class Tape<T>(IBackend<T> backend) : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly NodePools<T> pools = new();
    private readonly TapeMemory memory = new(backend.Pool);
    private TapeNode<T>? last;
    private int pauses;

    /// <summary>The device that the ops run on.</summary>
    public IBackend<T> Backend { get; } = backend;

    /// <summary>The recorded ops, in the order they ran: a list made anew at each call.</summary>
    public IReadOnlyList<TapeNode<T>> Nodes
    {
        get
        {
            List<TapeNode<T>> nodes = [];
            for (TapeNode<T>? node = last; node is not null; node = node.Next)
            {
                nodes.Add(node);
            }
            nodes.Reverse();
            return nodes;
        }
    }

    /// <summary>What the handles given out point to.</summary>
    internal TensorTable<T> Tensors { get; } = new();

    /// <summary>Copies data in; no gradient is computed for it.</summary>
    /// <exception cref="ArgumentException">The data has not as many elements as <paramref name="shape"/>.</exception>
    public Tensor<T> Constant(ReadOnlySpan<T> host, Shape shape) => Leaf(host, shape, needsGradient: false);

    /// <summary>Copies data in, as an input whose gradient <see cref="Backward(Tensor{T})"/> computes.</summary>
    /// <exception cref="ArgumentException">The data has not as many elements as <paramref name="shape"/>.</exception>
    public Tensor<T> Variable(ReadOnlySpan<T> host, Shape shape) => Leaf(host, shape, needsGradient: true);

    /// <summary>Copies in integers, such as labels or row numbers; they live until <see cref="Reset"/>.</summary>
    public DeviceBuffer<int> Indices(ReadOnlySpan<int> host)
    {
        DeviceBuffer<int> indices = Rent<int>(host.Length);
        Backend.Upload(host, indices);
        return indices;
    }

    /// <summary>The parameter as a tensor of this tape. The value is shared, not copied; gradients go straight to the parameter.</summary>
    /// <exception cref="InvalidOperationException">The parameter is on another backend.</exception>
    public Tensor<T> Watch(Parameter<T> parameter) => Tensors.Watch(this, parameter, pauses == 0);

    /// <summary>A tensor for the result of an op, its memory not yet written.</summary>
    /// <remarks>An op makes its result, computes it and, if the result needs a gradient, calls <see cref="Record{TNode}"/>.</remarks>
    /// <param name="shape">The extents of the result.</param>
    /// <param name="needsGradient">Whether an input needs a gradient; ignored while recording is paused.</param>
    public Tensor<T> NewResult(Shape shape, bool needsGradient) => NewView(Rent<T>(shape.ElementCount), shape, needsGradient);

    /// <summary>
    /// A tensor over memory that already holds its value, for ops that only rename it (reshape, a slice of leading rows).
    /// </summary>
    /// <inheritdoc cref="NewResult"/>
    public Tensor<T> NewView(DeviceBuffer<T> value, Shape shape, bool needsGradient) =>
        Tensors.Add(this, shape, value, needsGradient && pauses == 0);

    /// <summary>Memory that lives until <see cref="Reset"/>: what an op saves for its backward pass. Not initialized.</summary>
    public DeviceBuffer<TElement> Rent<TElement>(int length)
        where TElement : unmanaged => memory.Rent<TElement>(length);

    /// <summary>Appends a node, taken from the pool, that computed <paramref name="output"/> from <paramref name="inputs"/>.</summary>
    public TNode Record<TNode>(Tensor<T> output, params ReadOnlySpan<Tensor<T>> inputs)
        where TNode : TapeNode<T>, new()
    {
        TNode node = pools.Take<TNode>();
        node.Connect(output, inputs);
        node.Next = last;
        last = node;
        return node;
    }

    /// <summary>Computes the gradient of <paramref name="loss"/>, a scalar, by every tensor and parameter that it depends on.</summary>
    /// <remarks>
    /// Gradients of parameters add to what they hold, until <see cref="Parameter{T}.ZeroGradient"/>; all others start afresh at each call.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The loss is no scalar, is stale, or depends on nothing that needs a
    /// gradient.</exception>
    public void Backward(Tensor<T> loss)
    {
        RequireOwn(loss);
        if (loss.Shape.ElementCount != 1)
        {
            throw new InvalidOperationException(
                $"Backward: a tensor of shape {loss.Shape} has no single gradient. " +
                "Reduce it to a scalar first (Sum, Mean, a loss), or pass a cotangent of that shape.");
        }
        Backward(loss, [T.One]);
    }

    /// <summary>
    /// Multiplies <paramref name="cotangent"/>, an array like <paramref name="output"/>, by the Jacobians of all that led to it.
    /// </summary>
    /// <inheritdoc cref="Backward(Tensor{T})"/>
    /// <exception cref="ArgumentException">The cotangent has not as many elements as the output.</exception>
    public void Backward(Tensor<T> output, ReadOnlySpan<T> cotangent)
    {
        RequireOwn(output);
        Operands.RequireCount("Backward", cotangent.Length, output.Shape);
        Tensors.StartBackward(output);
        Backend.Upload(cotangent, output.GradientSink().Buffer);
        for (TapeNode<T>? node = last; node is not null; node = node.Next)
        {
            if (Tensors.HasGradient(node.Output))
            {
                node.Backward(Backend);
            }
        }
    }

    /// <summary>Runs what follows without recording, until the returned value is disposed: for evaluation. Pauses may be nested.</summary>
    public PausedRecording Pause()
    {
        pauses++;
        return new PausedRecording(this);
    }

    /// <summary>Forgets the recorded ops and returns their memory to the pool. Tensors made before are stale from here on.</summary>
    public void Reset()
    {
        Tensors.Clear();
        while (last is { } node)
        {
            last = node.Next;
            pools.Return(node);
        }
        memory.Clear();
    }

    /// <summary>Returns all memory to the backend's pool.</summary>
    public void Dispose() => Reset();

    /// <summary>A table of all tensors on the tape: number, op, inputs, shape and the length of the gradient.</summary>
    public override string ToString() => TapeText.Table(this);

    /// <summary>The graph in Graphviz's DOT language: <c>dot -Tsvg</c> draws it.</summary>
    public string ToDot() => TapeText.Dot(this);

    private Tensor<T> Leaf(ReadOnlySpan<T> host, Shape shape, bool needsGradient)
    {
        Operands.RequireCount(needsGradient ? "Variable" : "Constant", host.Length, shape);
        Tensor<T> leaf = NewResult(shape, needsGradient);
        Backend.Upload(host, leaf.Value);
        return leaf;
    }

    private void RequireOwn(Tensor<T> output)
    {
        if (Operands.TapeOf("Backward", output) != this)
        {
            throw new InvalidOperationException(
                $"Backward: the tensor of shape {output.Shape} is on another tape: call its own (tensor.Tape.Backward).");
        }
    }

    /// <summary>Ends, when disposed, a stretch in which the tape did not record.</summary>
    public readonly struct PausedRecording : IDisposable
    {
        private readonly Tape<T> tape;

        internal PausedRecording(Tape<T> tape) => this.tape = tape;

        /// <summary>Records again.</summary>
        public void Dispose() => tape.pauses--;
    }
}
