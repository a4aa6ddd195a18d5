using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

/// <summary>Whole training steps: what they allocate, and that they do not depend on the number of threads.</summary>
public class TrainingStepTests
{
    private static readonly Dictionary<string, Func<IReadOnlyList<Parameter<float>>, Optimizer<float>>> Optimizers = new()
    {
        ["SGD"] = parameters => new Sgd<float>(parameters, 0.01),
        ["momentum"] = parameters => new Sgd<float>(parameters, 0.01, momentum: 0.9),
        ["Nesterov"] = parameters => new Sgd<float>(parameters, 0.01, momentum: 0.9, weightDecay: 1e-4, nesterov: true),
        ["Adam"] = parameters => new Adam<float>(parameters),
        ["Adam, fused"] = parameters => new Adam<float>(parameters) { FusesProducts = true },
        ["AdamW"] = parameters => new AdamW<float>(parameters),
        ["RmsProp"] = parameters => new RmsProp<float>(parameters, 1e-3),
        ["RmsProp, momentum"] = parameters => new RmsProp<float>(parameters, 1e-3, momentum: 0.9),
    };

    /// <summary>Every optimizer with layer norm, and every normalization with Adam.</summary>
    public static TheoryData<string, NormalizationScheme> Cases
    {
        get
        {
            TheoryData<string, NormalizationScheme> cases = [];
            foreach (string optimizer in Optimizers.Keys)
            {
                cases.Add(optimizer, NormalizationScheme.Layer);
            }
            foreach (NormalizationScheme scheme in Enum.GetValues<NormalizationScheme>().Where(
                scheme => scheme != NormalizationScheme.Layer))
            {
                cases.Add("Adam", scheme);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_step_allocates_nothing_on_the_managed_heap_once_warm(string optimizer, NormalizationScheme scheme)
    {
        using Run run = new(optimizer, scheme, threads: 2, batch: 16, inputs: 20, hidden: 32, classes: 5);
        run.Train(steps: 100);
        long reserved = run.Backend.Pool.BytesReserved;
        Assert.Equal(0, ManagedHeap.BytesAllocatedBy(() => run.Train(steps: 20)));
        Assert.Equal(reserved, run.Backend.Pool.BytesReserved);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Weights_after_training_are_bitwise_equal_for_1_2_and_4_threads(string optimizer, NormalizationScheme scheme)
    {
        float[][][] weights = [.. new[] { 1, 2, 4 }.Select(threads =>
        {
            using Run run = new(optimizer, scheme, threads, batch: 48, inputs: 300, hidden: 128, classes: 10);
            run.Train(steps: 3);
            return run.Model.NamedParameters.Concat(run.Model.NamedState).Select(named => named.Parameter.ToArray()).ToArray();
        })];
        Assert.All(weights[0], values => Assert.DoesNotContain(values, float.IsNaN));
        Assert.Equal(weights[0], weights[1]);
        Assert.Equal(weights[0], weights[2]);
    }

    [Fact]
    public void Training_learns_its_batch_by_heart()
    {
        using Run run = new("Adam", NormalizationScheme.Layer, threads: 1, batch: 16, inputs: 20, hidden: 32, classes: 5);
        Assert.InRange(run.Train(steps: 1), 1, 3); // About log 5 with random weights.
        Assert.True(run.Train(steps: 300) < 0.05);
    }

    [Fact]
    public void Everything_rented_is_returned()
    {
        using IBackend<float> backend = CpuBackend.Create<float>(threads: 1);
        using (Run run = new("Adam", NormalizationScheme.Batch, threads: 1, batch: 8, inputs: 5, hidden: 8, classes: 3, backend))
        {
            run.Train(steps: 2);
            Assert.NotEqual(0, backend.Pool.Outstanding);
        }
        Assert.Equal(0, backend.Pool.Outstanding);
    }

    /// <summary>A multilayer perceptron trained on one batch of random data, with clipping and a schedule.</summary>
    private sealed class Run : IDisposable
    {
        private readonly Optimizer<float> optimizer;
        private readonly Tape<float> tape;
        private readonly Schedule schedule = Schedules.WarmUp(3, Schedules.Cosine(0.01, 1000));
        private readonly float[] data;
        private readonly int[] labels;
        private readonly Shape shape;
        private readonly bool ownsBackend;

        public Run(
            string optimizer, NormalizationScheme scheme, int threads, int batch, int inputs, int hidden, int classes,
            IBackend<float>? backend = null)
        {
            ownsBackend = backend is null;
            Backend = backend ?? CpuBackend.Create<float>(threads);
            Philox random = new(1);
            Model = new Mlp<float>(Backend, inputs, [hidden, hidden], classes, random, scheme, Activation.Tanh);
            this.optimizer = Optimizers[optimizer](Model.Parameters);
            tape = new Tape<float>(Backend);
            shape = new Shape(batch, inputs);
            data = new float[shape.ElementCount];
            random.Normal<float>(data);
            labels = [.. Enumerable.Range(0, batch).Select(_ => random.NextInt32(classes))];
        }

        public IBackend<float> Backend { get; }

        public Mlp<float> Model { get; }

        /// <summary>Trains, and returns the last loss.</summary>
        public double Train(int steps)
        {
            double last = 0;
            for (int step = 0; step < steps; step++)
            {
                Tensor<float> loss = Model.Forward(tape.Constant(data, shape)).SoftmaxCrossEntropy(labels);
                tape.Backward(loss);
                last = loss.Item();
                if (!optimizer.FusesProducts)
                {
                    Model.Parameters.ClipGradientNorm(1);
                    Model.Parameters.ClipGradientValues(0.5);
                }
                optimizer.LearningRate = schedule(optimizer.StepCount);
                optimizer.Step();
                optimizer.ZeroGradients();
                tape.Reset();
            }
            return last;
        }

        public void Dispose()
        {
            tape.Dispose();
            optimizer.Dispose();
            Model.Dispose();
            if (ownsBackend)
            {
                Backend.Dispose();
            }
        }
    }
}
