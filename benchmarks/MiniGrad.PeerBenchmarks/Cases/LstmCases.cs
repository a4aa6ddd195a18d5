using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.PeerBenchmarks;

/// <summary>
/// Training steps of LSTMs on one fixed batch of sequences: forward, mean squared error over all outputs, backward, Adam, reset.
/// </summary>
/// <remarks>
/// libtorch has no normalized LSTM. The layer-norm paper's is made of its single operations, in two variants of which the faster counts
/// (<c>torch</c>), and is also compared with the plain <c>nn.LSTM</c> (<see cref="LstmCase.PlainPeer"/>). MiniGrad copies sequences in at
/// every step, as in training; libtorch's stay where they are.
/// </remarks>
internal static class LstmCases
{
    private static readonly LstmSetup[] Shapes =
    [
        new(Hidden: 256, Steps: 50, Batch: 64, InputSize: 128, Layers: 1, default),
        new(Hidden: 512, Steps: 100, Batch: 32, InputSize: 512, Layers: 1, default),
        new(Hidden: 400, Steps: 700, Batch: 8, InputSize: 3, Layers: 3, default),
    ];

    // As many steps as sequential MNIST by pixel, the longest sequences of the samples.
    private static readonly LstmSetup Long =
        new(Hidden: 128, Steps: 784, Batch: 32, InputSize: 28, Layers: 1, RecurrentNormalization.Layer);

    public static IEnumerable<PeerCase> All() =>
    [
        .. from shape in Shapes
           from scheme in Enum.GetValues<RecurrentNormalization>()
           select new LstmCase(shape with { Scheme = scheme }),
        new LstmMemoryCase(Long),
    ];
}

internal sealed class LstmCase(LstmSetup setup) : PeerCase(setup.Name)
{
    /// <summary>libtorch's LSTM without normalization, as a peer of the normalized one.</summary>
    public const string PlainPeer = "torch-plain";

    /// <summary>MiniGrad without normalization, as a peer of MiniGrad with.</summary>
    public const string NoNormPeer = "minigrad-none";

    /// <summary>MiniGrad with layer norm, as a peer of the other schemes.</summary>
    public const string LayerNormPeer = "minigrad-layer";

    // As in MlpCase: timed steps change nothing, checked ones do.
    private const double TimedRate = 1e-6, CheckedRate = 1e-4;
    private const int CheckedSteps = 3;
    // Float32 stays within 1e-6 here.
    private const double Tolerance = 1e-5;

    public override Contestant MiniGrad(string name, IBackend<float> backend) => MiniGrad(name, backend, setup);

    public override Contestant? Torch() => setup.Scheme switch
    {
        RecurrentNormalization.None => Torch("torch", setup, () => new TorchFusedLstm(setup)),
        RecurrentNormalization.Layer => new FastestContestant("torch",
        [
            Torch("hoisted", setup, () => new TorchLayerNormLstm(setup, isHoisted: true)),
            Torch("step by step", setup, () => new TorchLayerNormLstm(setup, isHoisted: false)),
        ]),
        _ => null,
    };

    public override IEnumerable<Contestant> Others(IBackend<float> backend)
    {
        LstmSetup plain = setup with { Scheme = RecurrentNormalization.None };
        if (setup.Scheme != RecurrentNormalization.None)
        {
            yield return MiniGrad(NoNormPeer, backend, plain);
        }
        if (setup.Scheme == RecurrentNormalization.Layer)
        {
            yield return Torch(PlainPeer, plain, () => new TorchFusedLstm(plain));
        }
        else if (setup.Scheme != RecurrentNormalization.None)
        {
            yield return MiniGrad(LayerNormPeer, backend, setup with { Scheme = RecurrentNormalization.Layer });
        }
    }

    /// <summary>The step's matrix products at the processor's peak.</summary>
    public override Contestant Limit(IBackend<float> backend, int threads) => Limits.Peak(backend, setup.Flops, threads);

    internal static LocalContestant MiniGrad(string name, IBackend<float> backend, LstmSetup setup)
    {
        Trainer<float> timed = setup.Trainer(backend, TimedRate);
        return new LocalContestant(name, timed.Step)
        {
            Check = () =>
            {
                using Trainer<float> subject = setup.Trainer(backend, CheckedRate);
                Check(setup, subject.Losses(CheckedSteps));
            },
            Release = timed.Dispose,
        };
    }

    private static LocalContestant Torch(string name, LstmSetup setup, Func<TorchLstmNet> net)
    {
        TorchLstm timed = new(setup, net(), TimedRate);
        return new LocalContestant(name, timed.Step)
        {
            Check = () =>
            {
                using TorchLstm subject = new(setup, net(), CheckedRate);
                Check(setup, subject.Losses(CheckedSteps));
            },
            Release = timed.Dispose,
        };
    }

    // Long in the making, and asked for by every contestant.
    private static readonly Dictionary<LstmSetup, double[]> References = [];

    /// <summary>Compares losses with those of the same steps in double, which libtorch confirms where it takes part.</summary>
    private static void Check(LstmSetup setup, float[] losses)
    {
        if (!References.TryGetValue(setup, out double[]? expected))
        {
            using IBackend<double> backend = CpuBackend.Create<double>(1);
            using Trainer<double> reference = setup.Trainer(backend, CheckedRate);
            expected = References[setup] = reference.Losses(CheckedSteps);
        }
        WrongResultException.Require("the loss", losses, expected, Tolerance);
    }
}

/// <summary>The memory of a step with long sequences, against half their length.</summary>
internal sealed class LstmMemoryCase(LstmSetup setup) : PeerCase(setup.Name.Replace("lstm/", "lstm/memory/", StringComparison.Ordinal))
{
    /// <summary>How much more memory the whole length takes than half of it.</summary>
    public const string AgainstHalf = "memory / half T";

    /// <summary>What is left of the memory when segments are computed again.</summary>
    public const string Recomputed = "recomputed / kept";

    private const int SegmentLength = 28;

    public override Contestant MiniGrad(string name, IBackend<float> backend) => LstmCase.MiniGrad(name, backend, setup);

    public override IEnumerable<Fact> Facts(IBackend<float> backend, IReadOnlyList<Row> rows)
    {
        double bytes = BytesOf(setup, 0);
        yield return new Fact("MiB per step", bytes / (1 << 20));
        yield return new Fact(AgainstHalf, bytes / BytesOf(setup with { Steps = setup.Steps / 2 }, 0));
        yield return new Fact(Recomputed, BytesOf(setup, SegmentLength) / bytes);
    }

    /// <summary>What the pool of a new backend has reserved after some steps, parameters included.</summary>
    private static double BytesOf(LstmSetup setup, int segmentLength)
    {
        const int Steps = 2;
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        using Trainer<float> trainer = setup.Trainer(backend, learningRate: 1e-3, segmentLength);
        _ = trainer.Losses(Steps);
        return backend.Pool.BytesReserved;
    }
}
