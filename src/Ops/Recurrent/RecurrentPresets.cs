namespace MiniGrad.Ops;

/// <summary>Published recurrent cells, as values of <see cref="RecurrentOptions"/>.</summary>
public static class RecurrentPresets
{
    /// <summary>No normalization: the cells of cuDNN and libtorch, with one bias instead of two that only ever act as their sum.</summary>
    public static RecurrentOptions Plain { get; } = new();

    /// <summary>Layer norm by the paper's equations (Ba, Kiros, Hinton 2016, eq. 4, 20-22 and 26-28).</summary>
    public static RecurrentOptions Paper { get; } = new()
    {
        Normalization = RecurrentNormalization.Layer,
        UpdateGate = UpdateGate.Replaces,
    };

    /// <summary>Layer norm as the paper's authors programmed it.</summary>
    public static RecurrentOptions Authors { get; } = new() { Normalization = RecurrentNormalization.Layer, Biases = GateBiases.Authors };

    /// <summary>Layer norm of the library haste.</summary>
    public static RecurrentOptions Haste { get; } = new()
    {
        Normalization = RecurrentNormalization.Layer,
        Scope = GateScope.Product,
        Biases = GateBiases.Outer,
        ForgetBias = 1,
    };

    /// <summary>Layer norm of PyTorch's benchmark of recurrent networks: the normalized cell state is carried.</summary>
    public static RecurrentOptions PytorchBench { get; } = new()
    {
        Normalization = RecurrentNormalization.Layer,
        Split = GateSplit.Separate,
        Carry = CarriedCell.Normalized,
        Biases = GateBiases.Norms,
    };

    /// <summary>Layer norm of TensorFlow Addons.</summary>
    public static RecurrentOptions TensorflowAddons { get; } = new()
    {
        Normalization = RecurrentNormalization.Layer,
        Split = GateSplit.Separate,
        Carry = CarriedCell.Normalized,
        Epsilon = 1e-3,
        ForgetBias = 1,
    };

    /// <summary>
    /// Layer norm of TensorFlow 1: of each gate by itself, after the products are summed. An LSTM or a simple network only.
    /// </summary>
    public static RecurrentOptions Tensorflow1 { get; } = new()
    {
        Normalization = RecurrentNormalization.Layer,
        Scope = GateScope.PerGate,
        Split = GateSplit.Summed,
        Carry = CarriedCell.Normalized,
        Biases = GateBiases.Norms,
        Epsilon = 1e-12,
        ForgetBias = 1,
    };

    /// <summary>The layer-norm paper's DRAW model: only the cell state is normalized, on its way to the output (eq. 29-31).</summary>
    public static RecurrentOptions Draw { get; } = new() { Normalization = RecurrentNormalization.Layer, NormalizesGates = false };

    /// <summary>RMS norm in the places of the layer-norm paper (Zhang, Sennrich 2019).</summary>
    public static RecurrentOptions Rms { get; } = Paper with { Normalization = RecurrentNormalization.Rms };

    /// <summary>Weight norm of both matrices (Salimans, Kingma 2016).</summary>
    public static RecurrentOptions Weight { get; } = new() { Normalization = RecurrentNormalization.Weight };

    /// <summary>Recurrent batch norm (Cooijmans et al. 2017): gains start at 0.1, statistics are kept for each time step.</summary>
    public static RecurrentOptions Batch { get; } = new()
    {
        Normalization = RecurrentNormalization.Batch,
        Split = GateSplit.Separate,
        Biases = GateBiases.Outer,
        InitialGain = 0.1,
        ForgetBias = 1,
    };

    private static readonly (string Name, RecurrentOptions Options)[] Table =
    [
        ("plain", Plain), ("paper", Paper), ("authors", Authors), ("haste", Haste), ("pytorch-bench", PytorchBench),
        ("tfa", TensorflowAddons), ("tf1", Tensorflow1), ("draw", Draw), ("rms", Rms), ("weight", Weight), ("batch", Batch),
    ];

    /// <summary>The names that <see cref="Named"/> knows.</summary>
    public static IEnumerable<string> Names => Table.Select(preset => preset.Name);

    /// <summary>The preset of a name, such as <c>paper</c> or <c>pytorch-bench</c>.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists the names.</exception>
    public static RecurrentOptions Named(string name)
    {
        foreach ((string known, RecurrentOptions options) in Table)
        {
            if (known == name)
            {
                return options;
            }
        }
        throw new ArgumentException($"There is no recurrent preset '{name}'; there are {string.Join(", ", Names)}.", nameof(name));
    }
}
