using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.GpuBenchmarks;

/// <summary>Whole training steps: forward, backward and update.</summary>
internal static class TrainingCases
{
    public static IEnumerable<Timing> Run(Tape<float> tape, Clock clock, bool small)
    {
        yield return Mlp(tape, clock, rows: small ? 8 : 128, inputs: small ? 16 : 784, hidden: small ? 16 : 512);
        yield return Lstm(tape, clock, steps: small ? 3 : 128, cases: small ? 4 : 64, hidden: small ? 8 : 512);
    }

    private static Timing Mlp(Tape<float> tape, Clock clock, int rows, int inputs, int hidden)
    {
        IBackend<float> backend = tape.Backend;
        using Mlp<float> model = new(
            backend, inputs, [hidden], 10, new Philox(1), NormalizationScheme.None, Activation.Relu);
        using Sgd<float> optimizer = new(model.Parameters, 0.1);
        float[] x = Normal(rows * inputs);
        int[] labels = [.. Enumerable.Range(0, rows).Select(row => row % 10)];
        return clock.Time("mlp step", 0, () =>
        {
            Tensor<float> scores = model.Forward(tape.Constant(x, new Shape(rows, inputs)), Phase.Training);
            tape.Backward(scores.SoftmaxCrossEntropy(labels));
            optimizer.Step();
            optimizer.ZeroGradients();
            tape.Reset();
        });
    }

    private static Timing Lstm(Tape<float> tape, Clock clock, int steps, int cases, int hidden)
    {
        using Lstm<float> model = new(tape.Backend, hidden, hidden, new Philox(1), RecurrentPresets.Paper);
        using Parameter<float> x = new(tape.Backend, "x", new Shape(steps, cases, hidden));
        x.Set(Normal(steps * cases * hidden));
        return clock.Time("ln-lstm step", 0, () =>
        {
            tape.Backward(model.Forward(tape.Watch(x)).Sum());
            x.ZeroGradient();
            foreach (Parameter<float> parameter in model.Parameters)
            {
                parameter.ZeroGradient();
            }
            tape.Reset();
        });
    }

    private static float[] Normal(int count)
    {
        float[] values = new float[count];
        new Philox(2).Normal<float>(values);
        return values;
    }
}
