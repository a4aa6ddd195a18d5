using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.GpuBenchmarks;

/// <summary>Kernels that memory limits: one forward or backward pass of one op, on parameters, so that gradients are assigned.</summary>
internal static class KernelCases
{
    public static IEnumerable<Timing> Run(Tape<float> tape, Clock clock, int rows, int columns)
    {
        IBackend<float> backend = tape.Backend;
        Shape shape = new(rows, columns);
        long tensor = 4L * shape.ElementCount;
        float[] host = new float[shape.ElementCount];
        new Philox(1).Normal<float>(host);
        using Parameter<float> x = new(backend, "x", shape);
        using Parameter<float> gain = new(backend, "gain", new Shape(columns)), bias = new(backend, "bias", new Shape(columns));
        x.Set(host);
        gain.FillConstant(1);
        int[] labels = [.. Enumerable.Range(0, rows).Select(row => row % columns)];

        using (Scratch<float> copy = backend.Pool.RentScratch<float>(shape.ElementCount))
        {
            DeviceBuffer<float> to = copy.Buffer;
            yield return clock.Time("copy", 2 * tensor, () => backend.Map(default(Identity), x.Value, to));
        }
        yield return clock.Time("elementwise", 2 * tensor, () => Evaluate(tape, x, (tensor, _) => tensor.Tanh()));
        yield return clock.Time(
            "layer norm forward", 2 * tensor,
            () => Evaluate(tape, x, (tensor, tape) => tensor.LayerNorm(tape.Watch(gain), tape.Watch(bias))));

        Tensor<float> y = tape.Watch(x).LayerNorm(tape.Watch(gain), tape.Watch(bias));
        tape.Backward(y, host);
        using Adam<float> adam = new([x], 1e-9);
        yield return clock.Time("adam step", 7 * tensor, adam.Step);
        TapeNode<float> norm = tape.Nodes[0];
        yield return clock.Time("layer norm backward", 3 * tensor, () => Backward(norm, backend, x, gain, bias));
        tape.Reset();

        yield return clock.Time("softmax cross-entropy", 2 * tensor, () =>
        {
            tape.Backward(tape.Watch(x).SoftmaxCrossEntropy(labels));
            x.ZeroGradient();
            tape.Reset();
        });
    }

    private static void Evaluate(Tape<float> tape, Parameter<float> x, Func<Tensor<float>, Tape<float>, Tensor<float>> op)
    {
        using (tape.Pause())
        {
            op(tape.Watch(x), tape);
        }
        tape.Reset();
    }

    private static void Backward(TapeNode<float> node, IBackend<float> backend, params ReadOnlySpan<Parameter<float>> parameters)
    {
        foreach (Parameter<float> parameter in parameters)
        {
            parameter.ZeroGradient();
        }
        node.Backward(backend);
    }

    /// <summary>y = x: a copy as the elementwise kernel does it.</summary>
    private readonly struct Identity : IUnaryOp<float>
    {
        public static Saves Saves => Saves.Nothing;

        public V Forward<V>(V x)
            where V : struct, IReal<V, float> => x;

        public V Vjp<V>(V saved, V dy)
            where V : struct, IReal<V, float> => dy;
    }
}
