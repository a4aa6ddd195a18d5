using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.GpuBenchmarks;

/// <summary>Whole training steps: forward, backward and update.</summary>
internal static class TrainingCases
{
    public static IEnumerable<Timing> Run(Tape<float> tape, Clock clock, bool small)
    {
        yield return Mlp(tape, clock, small, "mlp step", InGraph);
        yield return Lstm(tape, clock, small, "ln-lstm step", InGraph);
        yield return Mlp(tape, clock, small, "mlp step, without a graph", step => step());
        yield return Lstm(tape, clock, small, "ln-lstm step, without a graph", step => step());

        void InGraph(Action step)
        {
            using (tape.Backend.BeginStep())
            {
                step();
            }
        }
    }

    private static Timing Mlp(Tape<float> tape, Clock clock, bool small, string name, Action<Action> run)
    {
        (int rows, int inputs, int hidden) = small ? (8, 16, 16) : (128, 784, 512);
        IBackend<float> backend = tape.Backend;
        using Mlp<float> model = new(
            backend, inputs, [hidden], 10, new Philox(1), NormalizationScheme.None, Activation.Relu);
        using Sgd<float> optimizer = new(model.Parameters, 0.1);
        using Parameter<float> x = new(backend, "x", new Shape(rows, inputs));
        x.Set(Normal(rows * inputs));
        int[] labels = [.. Enumerable.Range(0, rows).Select(row => row % 10)];
        Action step = Step;
        return clock.Time(name, 0, () => run(step));

        void Step()
        {
            Tensor<float> scores = model.Forward(Input(tape, x), Phase.Training);
            tape.Backward(scores.SoftmaxCrossEntropy(labels));
            optimizer.Step();
            optimizer.ZeroGradients();
            tape.Reset();
        }
    }

    private static Timing Lstm(Tape<float> tape, Clock clock, bool small, string name, Action<Action> run)
    {
        (int steps, int cases, int hidden) = small ? (3, 4, 8) : (128, 64, 512);
        using Lstm<float> model = new(tape.Backend, hidden, hidden, new Philox(1), RecurrentPresets.Paper);
        using Parameter<float> x = new(tape.Backend, "x", new Shape(steps, cases, hidden));
        x.Set(Normal(steps * cases * hidden));
        Action step = Step;
        return clock.Time(name, 0, () => run(step));

        void Step()
        {
            tape.Backward(model.Forward(Input(tape, x)).Sum());
            for (int i = 0; i < model.Parameters.Count; i++)
            {
                model.Parameters[i].ZeroGradient();
            }
            tape.Reset();
        }
    }

    /// <summary>Data that are on the device already, as PyTorch's are.</summary>
    private static Tensor<float> Input(Tape<float> tape, Parameter<float> x) => tape.NewView(x.Value, x.Shape, needsGradient: false);

    private static float[] Normal(int count)
    {
        float[] values = new float[count];
        new Philox(2).Normal<float>(values);
        return values;
    }
}
