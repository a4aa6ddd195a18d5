namespace MiniGrad.Ops;

/// <summary>What a recurrent network normalizes by.</summary>
public enum RecurrentNormalization
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Mean and variance over the features of a case, at each step by itself.</summary>
    Layer,

    /// <summary>The root mean square over the features of a case, at each step by itself.</summary>
    Rms,

    /// <summary>The length of each unit's weights, instead of what they make.</summary>
    Weight,

    /// <summary>
    /// Mean and variance of each feature over the batch, with running statistics for each time step (Cooijmans et al. 2017).
    /// </summary>
    Batch,
}

/// <summary>Which gates share statistics in layer and RMS normalization.</summary>
public enum GateScope
{
    /// <summary>As the layer-norm paper: all 4H of an LSTM; of a GRU the two gates (2H), and the candidate by itself.</summary>
    Fused,

    /// <summary>Every gate by itself (H), as group norm.</summary>
    PerGate,

    /// <summary>Everything that one product makes: as <see cref="Fused"/>, but a GRU's candidate with the gates (3H).</summary>
    Product,
}

/// <summary>Whether the products with input and hidden state are normalized apart or as their sum.</summary>
public enum GateSplit
{
    /// <summary>As the layer-norm paper writes the cell: apart in LSTM and GRU, summed in the simple network.</summary>
    ByCell,

    /// <summary>LN(W_x x) + LN(W_h h).</summary>
    Separate,

    /// <summary>LN(W_x x + W_h h).</summary>
    Summed,
}

/// <summary>Which cell state an LSTM hands to its next step.</summary>
public enum CarriedCell
{
    /// <summary>c itself; its normalization serves the output only.</summary>
    Raw,

    /// <summary>The normalized c.</summary>
    Normalized,
}

/// <summary>Which biases the gates of a normalized cell have; without normalization a cell has one, b.</summary>
public enum GateBiases
{
    /// <summary>As the layer-norm paper: one inside each normalization and, in an LSTM, b besides.</summary>
    Paper,

    /// <summary>
    /// As the paper's authors' code: the product with the input is normalized with b, LN(W_x x + b), each normalization has its own, and an
    /// LSTM adds the same b once more.
    /// </summary>
    Authors,

    /// <summary>Only b, outside the normalizations.</summary>
    Outer,

    /// <summary>Only those of the normalizations.</summary>
    Norms,
}

/// <summary>Where epsilon keeps layer and RMS normalization from dividing by zero.</summary>
public enum EpsilonPlacement
{
    /// <summary>sqrt(variance + epsilon).</summary>
    InsideRoot,

    /// <summary>sqrt(variance) + epsilon, which has no slope at variance 0: there backward takes it as a constant.</summary>
    OutsideRoot,
}

/// <summary>What a GRU's update gate z = 1 does.</summary>
public enum UpdateGate
{
    /// <summary>Keeps the state, h = z h + (1 - z) candidate, as cuDNN, libtorch, haste and the paper's authors' code.</summary>
    Keeps,

    /// <summary>Replaces the state, h = (1 - z) h + z candidate, as the layer-norm paper.</summary>
    Replaces,
}
