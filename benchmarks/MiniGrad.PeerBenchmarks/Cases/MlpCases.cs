using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.PeerBenchmarks;

/// <summary>
/// Training steps of a 784-1000-1000-10 perceptron with ReLU and softmax cross-entropy on one fixed batch: forward, backward, update,
/// reset.
/// </summary>
/// <remarks>
/// TorchSharp has no modules of weight and RMS norm, so that both schemes are compared with libtorch's layer norm. MiniGrad copies the
/// batch in at every step, as in training; libtorch's batch stays where it is.
/// </remarks>
internal static class MlpCases
{
    private static readonly NormalizationScheme[] Schemes =
    [
        NormalizationScheme.None, NormalizationScheme.Batch, NormalizationScheme.Layer, NormalizationScheme.Weight, NormalizationScheme.Rms,
    ];

    public static IEnumerable<PeerCase> All() =>
        from batch in new[] { 128, 4 }
        from usesAdam in new[] { false, true }
        from scheme in Schemes
        select new MlpCase(new MlpSetup(batch, usesAdam, scheme));
}

internal sealed class MlpCase(MlpSetup setup) : PeerCase(setup.Name)
{
    /// <summary>MiniGrad without normalization, as a peer of MiniGrad with.</summary>
    public const string NoNormPeer = "minigrad-none";

    // Steps so small that the batch is never learned: gradients that vanish would slow everyone down by denormal numbers.
    private const double TimedRate = 1e-6;

    // The check has steps that matter, and enough of them for an optimizer's state to show. Adam moves every weight by the rate, whatever
    // its gradient, so that its steps must be smaller.
    private const double CheckedSgdRate = 1e-2;
    private const double CheckedAdamRate = 1e-4;
    private const int CheckedSteps = 4;
    // Float32 stays within 3e-6 here.
    private const double Tolerance = 1e-5;

    public override Contestant MiniGrad(string name, IBackend<float> backend) => MiniGrad(name, backend, setup);

    public override Contestant Torch()
    {
        MlpSetup comparable = setup with { Scheme = setup.TorchScheme };
        TorchMlp timed = new(comparable, TimedRate);
        return new LocalContestant("torch", timed.Step)
        {
            Check = () =>
            {
                using TorchMlp subject = new(comparable, CheckedRate(setup));
                Check(comparable, subject.Losses(CheckedSteps));
            },
            Release = timed.Dispose,
        };
    }

    public override IEnumerable<Contestant> Others(IBackend<float> backend) => setup.Scheme == NormalizationScheme.None
        ? [] : [MiniGrad(NoNormPeer, backend, setup with { Scheme = NormalizationScheme.None })];

    /// <summary>
    /// The step's matrix products at the processor's peak; with a batch of 4, reading and writing the parameters and the optimizer's state
    /// once, which takes longer.
    /// </summary>
    public override Contestant Limit(IBackend<float> backend, int threads) => setup.Batch >= 128
        ? Limits.Peak(backend, setup.Flops, threads)
        : Limits.Bytes(backend, MlpSetup.WeightCount * (setup.UsesAdam ? 3 : 2), arrays: 2, threads);

    private static double CheckedRate(MlpSetup setup) => setup.UsesAdam ? CheckedAdamRate : CheckedSgdRate;

    private static LocalContestant MiniGrad(string name, IBackend<float> backend, MlpSetup setup)
    {
        Trainer<float> timed = setup.Trainer(backend, TimedRate);
        return new LocalContestant(name, timed.Step)
        {
            Check = () =>
            {
                using Trainer<float> subject = setup.Trainer(backend, CheckedRate(setup));
                Check(setup, subject.Losses(CheckedSteps));
            },
            Release = timed.Dispose,
        };
    }

    /// <summary>Compares losses with those of the same steps in double, which libtorch confirms where it takes part.</summary>
    private static void Check(MlpSetup setup, float[] losses)
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        using Trainer<double> reference = setup.Trainer(backend, CheckedRate(setup));
        WrongResultException.Require("the loss", losses, reference.Losses(CheckedSteps), Tolerance);
    }
}
