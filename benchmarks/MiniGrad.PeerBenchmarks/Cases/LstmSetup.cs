using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.PeerBenchmarks;

/// <summary>What is trained, with the same weights and the same sequences for all.</summary>
/// <param name="Hidden">H.</param>
/// <param name="Steps">T.</param>
/// <param name="Batch">N.</param>
/// <param name="InputSize">Numbers per case and step.</param>
/// <param name="Layers">Cells on top of each other.</param>
/// <param name="Scheme">How cells are normalized.</param>
internal sealed record LstmSetup(int Hidden, int Steps, int Batch, int InputSize, int Layers, RecurrentNormalization Scheme)
{
    public string Name =>
        $"lstm/h{Hidden}-t{Steps}-b{Batch}-i{InputSize}{(Layers > 1 ? $"-l{Layers}" : "")}/{Scheme.ToString().ToLowerInvariant()}";

    // With random weights and gains of 1 a normalized network is chaotic: within hundreds of steps rounding decides what it does, and
    // nobody's result could be checked. Smaller gains, those of recurrent batch norm, change no time.
    private const double CalmGain = 0.1;

    /// <summary>The cell: each scheme's published one, with <see cref="CalmGain">small gains</see>.</summary>
    public RecurrentOptions Options => Scheme switch
    {
        RecurrentNormalization.Layer => RecurrentPresets.Paper with { InitialGain = CalmGain },
        RecurrentNormalization.Rms => RecurrentPresets.Rms with { InitialGain = CalmGain },
        RecurrentNormalization.Weight => RecurrentPresets.Weight,
        // Statistics for every step, as in training.
        RecurrentNormalization.Batch => RecurrentPresets.Batch with { StatisticsSteps = Steps },
        _ => RecurrentPresets.Plain,
    };

    /// <summary>Operations of all products: W_x x and W_h h, forward and backward, but no gradient of the data.</summary>
    public double Flops => Enumerable.Range(0, Layers).Sum(
        layer => 2.0 * Steps * Batch * 4 * Hidden * ((layer == 0 ? 2.0 * InputSize : 3.0 * Hidden) + (3.0 * Hidden)));

    public float[] X => Inputs.Uniform(1, Steps * Batch * InputSize);

    public float[] Target => Inputs.Uniform(2, Steps * Batch * Hidden, -0.5, 0.5);

    public Shape InputShape => new(Steps, Batch, InputSize);

    public Shape OutputShape => new(Steps, Batch, Hidden);

    /// <summary>The first values of all parameters by their path.</summary>
    public IReadOnlyDictionary<string, float[]> InitialParameters()
    {
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        using Lstm<float> model = Model(backend);
        return model.NamedParameters.ToDictionary(named => named.Path, named => named.Parameter.ToArray());
    }

    public Lstm<T> Model<T>(IBackend<T> backend)
        where T : unmanaged, IFloatingPointIeee754<T> => new(backend, InputSize, Hidden, new Philox(3), Options, Layers);

    /// <param name="backend">Where the model is.</param>
    /// <param name="learningRate">Of Adam.</param>
    /// <param name="segmentLength">Steps of a segment that backward computes again instead of keeping it; 0 to keep all.</param>
    public Trainer<T> Trainer<T>(IBackend<T> backend, double learningRate, int segmentLength = 0)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Lstm<T> model = Model(backend);
        model.SegmentLength = segmentLength;
        IReadOnlyDictionary<string, float[]> initial = InitialParameters();
        foreach ((string path, Parameter<T> parameter) in model.NamedParameters)
        {
            parameter.Set([.. initial[path].Select(T.CreateChecked)]);
        }
        T[] x = [.. X.Select(T.CreateChecked)], target = [.. Target.Select(T.CreateChecked)];
        return new(
            backend, model, new Adam<T>(model.Parameters, learningRate),
            tape => model.Forward(tape.Constant(x, InputShape)).MeanSquaredError(tape.Constant(target, OutputShape)));
    }
}
