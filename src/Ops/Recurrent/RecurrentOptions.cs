namespace MiniGrad.Ops;

/// <summary>
/// Everything in which published recurrent cells differ. A preset is a value of this record (<see cref="RecurrentPresets"/>), and so is any
/// mixture: <c>RecurrentPresets.Paper with { Carry = CarriedCell.Normalized }</c>.
/// </summary>
public sealed record RecurrentOptions
{
    /// <summary>What is normalized by. Default: nothing.</summary>
    public RecurrentNormalization Normalization { get; init; }

    /// <summary>Which gates share statistics.</summary>
    public GateScope Scope { get; init; }

    /// <summary>Whether the two products are normalized apart or summed.</summary>
    public GateSplit Split { get; init; }

    /// <summary>Which cell state an LSTM carries.</summary>
    public CarriedCell Carry { get; init; }

    /// <summary>Which biases the gates have.</summary>
    public GateBiases Biases { get; init; }

    /// <summary>What a GRU's update gate does.</summary>
    public UpdateGate UpdateGate { get; init; }

    /// <summary>
    /// Keeps normalizations from dividing by zero: at 0, a row without variance gives NaN. Default: 1e-5.
    /// </summary>
    /// <remarks>
    /// Gradients through a row without variance are divided by its root, or by epsilon itself outside the root. Layer and RMS norm meet
    /// such rows at every step as long as zero states read zero inputs, and the factors of the steps multiply until they overflow; states
    /// that start from small random numbers do not.
    /// </remarks>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>Where epsilon goes; batch normalization has it inside the root always.</summary>
    public EpsilonPlacement EpsilonPlacement { get; init; }

    /// <summary>
    /// Whether the products are normalized. Default: yes; without, only an LSTM's cell state is (as in the paper's DRAW model).
    /// </summary>
    public bool NormalizesGates { get; init; } = true;

    /// <summary>Whether an LSTM's cell state is normalized on its way to the output. Default: yes.</summary>
    public bool NormalizesCell { get; init; } = true;

    /// <summary>The first value of the normalizations' gains. Default: 1; recurrent batch norm starts at 0.1.</summary>
    public double InitialGain { get; init; } = 1;

    /// <summary>
    /// The first value of the bias of an LSTM's forget gate: of b, or of the recurrent normalization's bias where there is no b. A constant
    /// that is added at run time, as TF-1 has it, makes the same function. Default: 0.
    /// </summary>
    public double ForgetBias { get; init; }

    /// <summary>
    /// Tmax, for how many time steps recurrent batch norm keeps statistics; later steps use those of the last, and leave them alone.
    /// Default: 100.
    /// </summary>
    public int StatisticsSteps { get; init; } = 100;

    /// <summary>
    /// Whether batch norm of the input product has one set of statistics for all steps ("sequence-wise"). Default: one for each.
    /// </summary>
    public bool SharesInputStatistics { get; init; }

    /// <summary>The part of the way by which running statistics move to those of a batch. Default: 0.1.</summary>
    public double StatisticsMomentum { get; init; } = 0.1;

    /// <summary>Whether the initial state is trained, from zeros. Default: it is zero.</summary>
    public bool LearnsInitialState { get; init; }

    /// <summary>
    /// The probability that an element of the hidden state keeps its value over a step (Krueger et al. 2017). Default: 0.
    /// </summary>
    public double Zoneout { get; init; }

    /// <summary>The same for an LSTM's cell state.</summary>
    public double CellZoneout { get; init; }

    /// <summary>
    /// The probability that an element of the candidate is dropped at a step (Semeniuta et al. 2016): memory is kept. Default: 0.
    /// </summary>
    public double RecurrentDropout { get; init; }

    /// <summary>
    /// The probability that an input, or an element of the hidden state on its way to the next step, is dropped; the choice is the same at
    /// all steps of a sequence (Gal and Ghahramani 2016). Default: 0.
    /// </summary>
    public double VariationalDropout { get; init; }

    internal bool NormalizesActivations =>
        Normalization is RecurrentNormalization.Layer or RecurrentNormalization.Rms or RecurrentNormalization.Batch;

    /// <summary>Throws unless every number is within its range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is not; the message names it.</exception>
    internal void Validate()
    {
        RequireProbability(Zoneout, nameof(Zoneout));
        RequireProbability(CellZoneout, nameof(CellZoneout));
        RequireProbability(RecurrentDropout, nameof(RecurrentDropout));
        RequireProbability(VariationalDropout, nameof(VariationalDropout));
        ArgumentOutOfRangeException.ThrowIfNegative(Epsilon);
        ArgumentOutOfRangeException.ThrowIfLessThan(StatisticsSteps, 1);
        if (!(StatisticsMomentum > 0 && StatisticsMomentum <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(StatisticsMomentum), StatisticsMomentum, "The statistics' momentum must be above 0 and at most 1.");
        }
    }

    private static void RequireProbability(double value, string name)
    {
        if (!(value >= 0 && value < 1))
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} is a probability: it must be from 0 to below 1.");
        }
    }
}
