using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

/// <summary>Whole training steps: what they allocate, and that they do not depend on the number of threads.</summary>
public class TrainingStepTests
{
    public static TheoryData<string, Func<IReadOnlyList<Parameter<float>>, Optimizer<float>>> Optimizers => new()
    {
        { "SGD", parameters => new Sgd<float>(parameters, 0.01) },
        { "Nesterov", parameters => new Sgd<float>(parameters, 0.01, momentum: 0.9, weightDecay: 1e-4, nesterov: true) },
        { "Adam", parameters => new Adam<float>(parameters) },
        { "AdamW", parameters => new AdamW<float>(parameters) },
        { "RmsProp", parameters => new RmsProp<float>(parameters, 1e-3, momentum: 0.9) },
    };

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void A_step_allocates_nothing_on_the_managed_heap_once_warm(
        string name, Func<IReadOnlyList<Parameter<float>>, Optimizer<float>> makeOptimizer)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(threads: 1);
        using Model model = new(backend, batch: 16, inputs: 20, hidden: 33, classes: 5);
        using Optimizer<float> optimizer = makeOptimizer(model.Parameters);
        using Tape<float> tape = new(backend);
        Schedule schedule = Schedules.WarmUp(10, Schedules.Cosine(0.01, 1000));
        model.Train(tape, optimizer, schedule, steps: 100);
        long reserved = backend.Pool.BytesReserved;
        // The runtime itself allocates on this thread now and then while it recompiles hot methods; steps that allocate do so in every
        // window.
        long least = long.MaxValue;
        for (int window = 0; window < 10 && least > 0; window++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            model.Train(tape, optimizer, schedule, steps: 20);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.True(least == 0, $"20 steps of {name} allocated {least} bytes.");
        Assert.Equal(reserved, backend.Pool.BytesReserved);
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Weights_after_training_are_bitwise_equal_for_1_2_and_4_threads(
        string name, Func<IReadOnlyList<Parameter<float>>, Optimizer<float>> makeOptimizer)
    {
        Assert.NotEmpty(name);
        float[][][] weights = [.. new[] { 1, 2, 4 }.Select(threads =>
        {
            using IBackend<float> backend = CpuBackend.Create<float>(threads);
            using Model model = new(backend, batch: 48, inputs: 300, hidden: 129, classes: 10);
            using Optimizer<float> optimizer = makeOptimizer(model.Parameters);
            using Tape<float> tape = new(backend);
            model.Train(tape, optimizer, Schedules.Constant(0.01), steps: 3);
            return model.Parameters.Select(parameter => parameter.ToArray()).ToArray();
        })];
        Assert.All(weights[0], values => Assert.DoesNotContain(values, float.IsNaN));
        Assert.Equal(weights[0], weights[1]);
        Assert.Equal(weights[0], weights[2]);
    }

    [Fact]
    public void Training_learns()
    {
        using IBackend<float> backend = CpuBackend.Create<float>(threads: 1);
        using Model model = new(backend, batch: 16, inputs: 20, hidden: 33, classes: 5);
        using Adam<float> optimizer = new(model.Parameters, 0.01);
        using Tape<float> tape = new(backend);
        double first = model.Train(tape, optimizer, Schedules.Constant(0.01), steps: 1);
        Assert.InRange(first, 1, 3); // About log 5 with random weights.
        Assert.True(model.Train(tape, optimizer, Schedules.Constant(0.01), steps: 100) < 0.05);
    }

    /// <summary>A small normalized network and one batch of random data.</summary>
    private sealed class Model : Module<float>
    {
        private readonly Parameter<float> weight1, gain, bias1, weight2, bias2;
        private readonly float[] data;
        private readonly int[] labels;
        private readonly Shape shape;

        public Model(IBackend<float> backend, int batch, int inputs, int hidden, int classes)
        {
            Philox random = new(1);
            weight1 = Add(new Parameter<float>(backend, "weight1", new Shape(inputs, hidden)).FillXavierNormal(random));
            gain = Add(new Parameter<float>(backend, "gain", new Shape(hidden)).FillConstant(1));
            bias1 = Add(new Parameter<float>(backend, "bias1", new Shape(hidden)));
            weight2 = Add(new Parameter<float>(backend, "weight2", new Shape(hidden, classes)).FillXavierNormal(random));
            bias2 = Add(new Parameter<float>(backend, "bias2", new Shape(classes)));
            shape = new Shape(batch, inputs);
            data = new float[shape.ElementCount];
            random.Normal<float>(data);
            labels = [.. Enumerable.Range(0, batch).Select(_ => random.NextInt32(classes))];
        }

        /// <summary>Trains, and returns the last loss.</summary>
        public double Train(Tape<float> tape, Optimizer<float> optimizer, Schedule schedule, int steps)
        {
            double last = 0;
            for (int step = 0; step < steps; step++)
            {
                Tensor<float> h = tape.Constant(data, shape).MatMul(tape.Watch(weight1)).LayerNorm(tape.Watch(gain), tape.Watch(bias1)).Tanh();
                Tensor<float> loss = (h.MatMul(tape.Watch(weight2)) + tape.Watch(bias2)).SoftmaxCrossEntropy(labels);
                tape.Backward(loss);
                last = loss.Item();
                Parameters.ClipGradientNorm(1);
                Parameters.ClipGradientValues(0.5);
                optimizer.LearningRate = schedule(optimizer.StepCount);
                optimizer.Step();
                optimizer.ZeroGradients();
                tape.Reset();
            }
            return last;
        }
    }
}
