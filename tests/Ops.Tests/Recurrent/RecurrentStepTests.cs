using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Recurrent;

/// <summary>Training steps of recurrent networks: what they allocate and whether they learn.</summary>
public class RecurrentStepTests
{
    private const int Steps = 12, Cases = 8, Inputs = 5, Hidden = 24;

    public static TheoryData<string, string> Cells => [.. Networks.CellsAndPresets];

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_step_allocates_nothing_on_the_managed_heap_once_warm(string cell, string preset)
    {
        using Training training = new(cell, RecurrentPresets.Named(preset));
        training.Run(30);
        long reserved = training.Backend.Pool.BytesReserved;
        Assert.Equal(0, ManagedHeap.BytesAllocatedBy(() => training.Run(10)));
        Assert.Equal(reserved, training.Backend.Pool.BytesReserved);
    }

    [Theory]
    [InlineData("lstm", "plain")]
    [InlineData("lstm", "paper")]
    [InlineData("lstm", "batch")]
    [InlineData("gru", "paper")]
    [InlineData("gru", "batch")]
    [InlineData("rnn", "paper")]
    [InlineData("rnn", "batch")]
    public void Networks_learn_their_batch_by_heart(string cell, string preset)
    {
        using Training training = new(cell, RecurrentPresets.Named(preset));
        double before = training.Run(1), after = training.Run(400);
        Assert.True(after < before / 10, $"The loss went from {before:g3} to {after:g3}.");
    }

    [Fact]
    public void Memory_is_linear_in_steps_and_a_fraction_of_it_in_segments()
    {
        long half = Memory(392, segment: 0), whole = Memory(784, segment: 0), segments = Memory(784, segment: 28);
        Assert.InRange(whole / (double)half, 1.9, 2.05);
        Assert.InRange(segments / (double)whole, 0, 0.4);

        static long Memory(int steps, int segment)
        {
            using IBackend<float> backend = CpuBackend.Create<float>(1);
            using Lstm<float> lstm = new(backend, 1, 64, new Philox(1), RecurrentPresets.Paper) { SegmentLength = segment };
            using Tape<float> tape = new(backend);
            long before = backend.Pool.BytesReserved;
            Shape shape = new(steps, 16, 1);
            Tensor<float> y = lstm.Forward(tape.Constant([.. TestArrays.Random(shape.ElementCount).Select(v => (float)v)], shape));
            tape.Backward(y, new float[y.Shape.ElementCount]);
            return backend.Pool.BytesReserved - before;
        }
    }

    [Fact]
    public void Everything_rented_is_returned()
    {
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        using (Training training = new("lstm", RecurrentPresets.Paper with { Zoneout = 0.1 }, backend))
        {
            training.Run(2);
            Assert.NotEqual(0, backend.Pool.Outstanding);
        }
        Assert.Equal(0, backend.Pool.Outstanding);
    }

    /// <summary>Two layers, of which the second's outputs are projected onto random targets.</summary>
    private sealed class Training : IDisposable
    {
        private readonly RecurrentLayer<float> layer;
        private readonly Adam<float> optimizer;
        private readonly Tape<float> tape;
        private readonly float[] x = new float[Steps * Cases * Inputs], targets = new float[Steps * Cases * 2];
        private readonly bool ownsBackend;

        public Training(string cell, RecurrentOptions options, IBackend<float>? backend = null)
        {
            ownsBackend = backend is null;
            Backend = backend ?? CpuBackend.Create<float>(2);
            layer = Networks.Make(cell, Backend, Inputs, Hidden, options, layers: 2, outputs: 2);
            optimizer = new Adam<float>(layer.Parameters, 0.01);
            tape = new Tape<float>(Backend);
            Philox random = new(3);
            random.Normal<float>(x);
            random.Uniform<float>(targets, -0.5, 0.5);
        }

        public IBackend<float> Backend { get; }

        /// <summary>Trains, and returns the last loss.</summary>
        public double Run(int steps)
        {
            double last = 0;
            for (int i = 0; i < steps; i++)
            {
                Tensor<float> y = layer.Forward(tape.Constant(x, new Shape(Steps, Cases, Inputs)));
                Tensor<float> loss = y.MeanSquaredError(tape.Constant(targets, y.Shape));
                tape.Backward(loss);
                last = loss.Item();
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
            layer.Dispose();
            if (ownsBackend)
            {
                Backend.Dispose();
            }
        }
    }
}
