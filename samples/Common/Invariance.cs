using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Samples;

/// <summary>
/// Table 1 of the layer-norm paper, measured: which transformations of weights or data leave the normalized summed inputs y as they are.
/// Beside it the gradient twins: what an invariance of y implies for the gradient of any loss of y by the weights.
/// </summary>
/// <remarks>
/// y = norm(X W) for N cases of I inputs and H units, in float64, with epsilon 0 and no gain, bias or bias inside; batch norm by the
/// statistics of the batch. W is stored [I, H], so that a unit's weights are a column here and a row in the paper.
/// </remarks>
public sealed class Invariance
{
    /// <summary>A deviation below this is rounding.</summary>
    public const double InvariantBelow = 1e-10;

    /// <summary>A deviation that is expected must be above this, else the data were degenerate.</summary>
    public const double VariantAbove = 1e-3;

    private const int Cases = 6, Inputs = 5, Units = 7;
    private const double Factor = 2.5;

    private static readonly Shape ShapeX = new(Cases, Inputs), ShapeW = new(Inputs, Units), ShapeY = new(Cases, Units);

    private readonly IBackend<double> backend;
    private readonly double[] x = new double[Cases * Inputs], w = new double[Inputs * Units];
    private readonly double[] shift = new double[Inputs], cotangent = new double[Cases * Units];

    private Invariance(IBackend<double> backend, ulong seed)
    {
        this.backend = backend;
        Philox random = new(seed);
        foreach (double[] values in (double[][])[x, w, shift, cotangent])
        {
            random.Normal<double>(values);
        }
    }

    /// <summary>The schemes compared, in the table's order.</summary>
    public static IReadOnlyList<NormalizationScheme> Schemes { get; } =
        [NormalizationScheme.Batch, NormalizationScheme.Weight, NormalizationScheme.Layer, NormalizationScheme.Rms];

    /// <summary>Measures the 6 x 4 cells of the table and the 4 x 4 twins.</summary>
    /// <param name="backend">What computes.</param>
    /// <param name="seed">Draws weights and data; the findings do not depend on it.</param>
    public static InvarianceTable Measure(IBackend<double> backend, ulong seed = 1)
    {
        Invariance experiment = new(backend, seed);
        return new InvarianceTable(
            [.. from row in experiment.Transformations() from scheme in Schemes select experiment.Cell(row, scheme)],
            [.. from row in Twins() from scheme in Schemes select experiment.Twin(row, scheme)]);
    }

    /// <summary>
    /// A row of the table: the transformed data, the schemes that the paper calls invariant, and the case looked at (all if none).
    /// </summary>
    private sealed record Transformation(string Name, double[] X, double[] W, NormalizationScheme[] Invariant, int? OnlyCase = null);

    /// <summary>A row of the twins: a number that is 0 for the schemes of which it holds.</summary>
    private sealed record TwinRow(string Name, Func<Invariance, NormalizationScheme, double> Deviation, NormalizationScheme[] Holds);

    private IEnumerable<Transformation> Transformations()
    {
        const NormalizationScheme batch = NormalizationScheme.Batch, weight = NormalizationScheme.Weight;
        const NormalizationScheme layer = NormalizationScheme.Layer, rms = NormalizationScheme.Rms;
        yield return new("weight matrix re-scaling", x, Changed(w, (value, _, _) => Factor * value, Units), [batch, weight, layer, rms]);
        yield return new("weight matrix re-centering", x, Changed(w, (value, input, _) => value + shift[input], Units), [layer]);
        yield return new(
            "weight vector re-scaling", x, Changed(w, (value, _, unit) => unit == 2 ? Factor * value : value, Units), [batch, weight]);
        yield return new("dataset re-scaling", Changed(x, (value, _, _) => Factor * value, Inputs), w, [batch, layer, rms]);
        yield return new("dataset re-centering", Changed(x, (value, _, input) => value + shift[input], Inputs), w, [batch]);
        yield return new(
            "single case re-scaling", Changed(x, (value, n, _) => n == 3 ? Factor * value : value, Inputs), w, [layer, rms], OnlyCase: 3);
    }

    private static IEnumerable<TwinRow> Twins()
    {
        yield return new("<W, dW> = 0", (e, scheme) => e.Cosine(scheme, _ => true), [.. Schemes]);
        yield return new(
            "<w_i, dw_i> = 0 for every unit i",
            (e, scheme) => Enumerable.Range(0, Units).Max(unit => e.Cosine(scheme, column => column == unit)),
            [NormalizationScheme.Batch, NormalizationScheme.Weight]);
        yield return new("the rows dw_i of all units sum to 0", (e, scheme) => e.SumOverUnits(scheme), [NormalizationScheme.Layer]);
        yield return new("|dW(2 W)| = |dW(W)| / 2", (e, scheme) => Math.Abs(e.GradientRatio(scheme) - 0.5), [.. Schemes]);
    }

    private InvarianceCell Cell(Transformation row, NormalizationScheme scheme)
    {
        double[] before = Forward(scheme, x, w), after = Forward(scheme, row.X, row.W);
        double deviation = Enumerable.Range(0, before.Length)
            .Where(i => row.OnlyCase is null || i / Units == row.OnlyCase)
            .Max(i => Math.Abs(after[i] - before[i]));
        return new InvarianceCell(scheme, row.Name, row.Invariant.Contains(scheme), deviation);
    }

    private InvarianceCell Twin(TwinRow row, NormalizationScheme scheme) =>
        new(scheme, row.Name, row.Holds.Contains(scheme), row.Deviation(this, scheme));

    /// <summary>The cosine of the angle between weights and gradient, of the chosen units' columns.</summary>
    private double Cosine(NormalizationScheme scheme, Func<int, bool> isChosen)
    {
        double[] dw = Gradient(scheme, w);
        int[] chosen = [.. Enumerable.Range(0, w.Length).Where(i => isChosen(i % Units))];
        double product = chosen.Sum(i => w[i] * dw[i]);
        return Math.Abs(product) / Math.Sqrt(chosen.Sum(i => w[i] * w[i]) * chosen.Sum(i => dw[i] * dw[i]));
    }

    private double SumOverUnits(NormalizationScheme scheme)
    {
        double[] dw = Gradient(scheme, w);
        return Enumerable.Range(0, Inputs).Max(input => Math.Abs(dw.AsSpan(input * Units, Units).ToArray().Sum())) / dw.Max(Math.Abs);
    }

    private double GradientRatio(NormalizationScheme scheme) =>
        Norm(Gradient(scheme, [.. w.Select(value => 2 * value)])) / Norm(Gradient(scheme, w));

    private double[] Forward(NormalizationScheme scheme, double[] xs, double[] ws)
    {
        using Tape<double> tape = new(backend);
        return Normalize(scheme, tape.Constant(xs, ShapeX), tape.Constant(ws, ShapeW)).ToArray();
    }

    private double[] Gradient(NormalizationScheme scheme, double[] ws)
    {
        using Tape<double> tape = new(backend);
        Tensor<double> weights = tape.Variable(ws, ShapeW), y = Normalize(scheme, tape.Constant(x, ShapeX), weights);
        tape.Backward(y, cotangent);
        return weights.GradientToArray();
    }

    private static Tensor<double> Normalize(NormalizationScheme scheme, Tensor<double> x, Tensor<double> w)
    {
        double[] ones = new double[Units];
        Array.Fill(ones, 1);
        Tensor<double> one = x.Tape.Constant(ones, new Shape(Units)), zero = x.Tape.Constant(new double[Units], new Shape(Units));
        return scheme switch
        {
            NormalizationScheme.Batch => x.Affine(w).BatchNorm(one, zero, epsilon: 0),
            NormalizationScheme.Weight => x.Affine(w.WeightNorm(one)),
            NormalizationScheme.Layer => x.Affine(w).LayerNorm(epsilon: 0),
            NormalizationScheme.Rms => x.Affine(w).RmsNorm(one, epsilon: 0),
            _ => throw new ArgumentOutOfRangeException(nameof(scheme), scheme, "The table has no such scheme."),
        };
    }

    private static double[] Changed(double[] matrix, Func<double, int, int, double> change, int columns) =>
        [.. matrix.Select((value, i) => change(value, i / columns, i % columns))];

    private static double Norm(double[] values) => Math.Sqrt(values.Sum(value => value * value));
}

/// <summary>A statement about one scheme, and what was measured.</summary>
/// <param name="Scheme">The scheme.</param>
/// <param name="Statement">The transformation that should change nothing, or the identity that should hold.</param>
/// <param name="Expected">Whether it does, by the paper's Table 1 (for RMS norm: by its formula).</param>
/// <param name="Deviation">How far y moved, or how far the identity is from holding.</param>
public sealed record InvarianceCell(NormalizationScheme Scheme, string Statement, bool Expected, double Deviation)
{
    /// <summary>Whether the deviation is mere rounding.</summary>
    public bool Invariant => Deviation < Invariance.InvariantBelow;

    /// <summary>Whether the measurement says clearly what is expected.</summary>
    public bool Agrees => Expected ? Invariant : Deviation > Invariance.VariantAbove;
}

/// <summary>All that <see cref="Invariance.Measure"/> found.</summary>
/// <param name="Cells">Table 1, row by row: 6 transformations, each for 4 schemes.</param>
/// <param name="Twins">What follows for gradients: 4 identities, each for 4 schemes.</param>
public sealed record InvarianceTable(IReadOnlyList<InvarianceCell> Cells, IReadOnlyList<InvarianceCell> Twins)
{
    /// <summary>Whether every cell and twin agrees.</summary>
    public bool Agrees => Cells.Concat(Twins).All(cell => cell.Agrees);
}
