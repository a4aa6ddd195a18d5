using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

public abstract partial class RecurrentCell<T>
{
    /// <summary>Whether the products are normalized row by row.</summary>
    private protected bool NormalizesRows => NormH is { Statistics: null };

    /// <summary>Whether fused kernels cover the cell's variant, and the backend takes them.</summary>
    private protected abstract bool CanFuse(IBackend<T> backend);

    /// <summary>Whether fused kernels add the product to the input's part, instead of keeping them apart.</summary>
    private protected virtual bool AddsToX => IsSummed || NormH is null;

    /// <summary>Tells batch norm's statistics where in the whole sequence the next run begins.</summary>
    internal void PlaceStatistics(int firstStep, bool isFrozen)
    {
        NormX?.Place(firstStep, isFrozen);
        NormH?.Place(firstStep, isFrozen);
        NormC?.Place(firstStep, isFrozen);
    }

    /// <summary>Runs the cell over a sequence as one op.</summary>
    /// <inheritdoc cref="Forward"/>
    private Tensor<T> ForwardFused(Tensor<T> x, ref RecurrentState<T> state, in SequenceNoise<T> noise, Phase phase)
    {
        Tape<T> tape = x.Tape;
        int cases = x.Shape[1];
        bool startsAtZero = state.Hidden is null && hidden0 is null;
        RecurrentState<T> start = new(
            state.Hidden ?? (hidden0 is null ? null : Initial(tape, hidden0, cases)),
            HasCell ? state.Cell ?? (Cell0 is null ? null : Initial(tape, Cell0, cases)) : null);
        Tensor<T> a = FusedInputProduct(noise.Input is { } factors ? x * factors : x);
        SequenceOperands<T> operands = FusedOperands(new(a, RecurrentWeight(tape), start.Hidden, start.Cell), noise.Padding, phase) with
        {
            CellGain = NormC?.Gain(tape),
            CellBias = NormC?.BiasOrZero(tape),
        };
        SequenceBuffers<T> buffers = Allocate(tape, operands, noise) with { StartsAtZero = startsAtZero };
        (Tensor<T> outputs, Tensor<T>? cell) = RunFused(operands, buffers, noise, phase);
        state = new(outputs.Slice(0, x.Shape[0] - 1, 1).Reshape(cases, Hidden), cell);
        return outputs;
    }

    /// <summary>An LSTM's learned initial cell state.</summary>
    private protected virtual Parameter<T>? Cell0 => null;

    /// <summary>Adds the gains, and the biases: sums of vectors with a number for each gate are free, sums of rows are not.</summary>
    private protected virtual SequenceOperands<T> FusedOperands(SequenceOperands<T> operands, Tensor<T>? padding, Phase phase)
    {
        Tape<T> tape = operands.X.Tape;
        if (NormH is null)
        {
            return operands;
        }
        Tensor<T> shift = Shift(tape, NormX?.Bias, AddsBiasToSum ? Bias : null);
        shift = MovableBias(tape) is { } moved ? shift + moved : shift;
        operands = operands with { Gain = NormH.Gain(tape) };
        return NormX?.Statistics is not null
            ? operands with { X = NormX.ForwardSteps(operands.X, shift, padding, phase) }
            : operands with { GainX = NormX?.Gain(tape), Shift = shift };
    }

    /// <summary>Runs kernels that are compiled for the normalization, and for masks or none.</summary>
    private (Tensor<T> Outputs, Tensor<T>? Cell) RunFused(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, in SequenceNoise<T> noise, Phase phase) => noise.IsEmpty
        ? RunFused<NoMasks>(operands, buffers, noise.Padding, phase)
        : RunFused<Masks>(operands, buffers, noise.Padding, phase);

    private (Tensor<T> Outputs, Tensor<T>? Cell) RunFused<TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, Tensor<T>? padding, Phase phase)
        where TMasks : struct, IMasking => (NormH ?? NormC) is null
        ? Run<NoNormalizer, TMasks>(operands, buffers)
        : Options.Normalization switch
        {
            RecurrentNormalization.Layer => Run<LayerNormalizer, TMasks>(operands, buffers),
            RecurrentNormalization.Rms => Run<RmsNormalizer, TMasks>(operands, buffers),
            _ => RunBatch<TMasks>(operands, buffers, padding, phase),
        };

    private (Tensor<T> Outputs, Tensor<T>? Cell) RunBatch<TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, Tensor<T>? padding, Phase phase)
        where TMasks : struct, IMasking
    {
        Tape<T> tape = operands.X.Tape;
        BatchStatistics<T> gates = NormH?.StatisticsOf(tape, buffers.Steps, buffers.Cases, padding, phase) ?? default;
        BatchStatistics<T> cells = NormC?.StatisticsOf(tape, buffers.Steps, buffers.Cases, padding, phase) ?? default;
        (Tensor<T> Outputs, Tensor<T>? Cell) result = RunBatch<TMasks>(operands, buffers, gates, cells);
        gates.UpdateTables(tape.Backend);
        cells.UpdateTables(tape.Backend);
        return result;
    }

    /// <summary>Runs the kernels that normalize by rows, where the cell is normalized, or not at all.</summary>
    private protected abstract (Tensor<T> Outputs, Tensor<T>? Cell) Run<TNorm, TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers)
        where TNorm : struct, IRowNormalizer
        where TMasks : struct, IMasking;

    /// <summary>Runs the kernels of recurrent batch norm; statistics are <c>default</c> where nothing is normalized.</summary>
    private protected abstract (Tensor<T> Outputs, Tensor<T>? Cell) RunBatch<TMasks>(
        in SequenceOperands<T> operands, in SequenceBuffers<T> buffers, in BatchStatistics<T> gates, in BatchStatistics<T> cells)
        where TMasks : struct, IMasking;

    /// <summary>What of the recurrent normalization's bias acts as if it were added behind it: all of it, but in a GRU.</summary>
    private protected virtual Tensor<T>? MovableBias(Tape<T> tape) => NormH?.Bias is { } bias ? tape.Watch(bias) : null;

    /// <summary>W_x x of all steps, (T, N, G), with the biases that are not added behind a normalization.</summary>
    private Tensor<T> FusedInputProduct(Tensor<T> x)
    {
        Tensor<T> weight = InputWeight(x.Tape);
        Parameter<T>? inner = AddsBiasToProduct ? Bias : null, outer = AddsBiasToSum && NormH is null ? Bias : null;
        return inner is null && outer is null ? x.Affine(weight) : x.Affine(weight, Shift(x.Tape, inner, outer));
    }

    /// <summary>The sum of the biases that are there, or zeros.</summary>
    private Tensor<T> Shift(Tape<T> tape, Parameter<T>? a, Parameter<T>? b) => (a, b) switch
    {
        (null, null) => tape.Filled(new Shape(Groups.Features), T.Zero),
        (null, _) => tape.Watch(b),
        (_, null) => tape.Watch(a),
        _ => tape.Watch(a) + tape.Watch(b),
    };

    private SequenceBuffers<T> Allocate(Tape<T> tape, in SequenceOperands<T> operands, in SequenceNoise<T> noise)
    {
        int steps = operands.X.Shape[0], cases = operands.X.Shape[1], rows = steps * cases, block = cases * Hidden, g = Groups.Features;
        bool addsToX = AddsToX;
        DeviceBuffer<T> x = operands.X.Value, states = tape.Rent<T>((steps + 1) * block);
        DeviceBuffer<T> cells = HasCell ? tape.Rent<T>((steps + 1) * block) : default;
        bool carriesNew = Options.Carry == CarriedCell.Raw && noise.IsEmpty, isRow = NormalizesRows;
        bool hasCellRows = operands.CellGain is not null && Options.Normalization != RecurrentNormalization.Batch;
        SequenceBuffers<T> buffers = new()
        {
            Steps = steps,
            Cases = cases,
            Hidden = Hidden,
            Groups = Groups,
            Grain = tape.Backend.Grain(cases, SequenceBuffers<T>.SuggestedGrain(cases, g)),
            X = x,
            Product = addsToX ? x : tape.Rent<T>(rows * g),
            Activations = NormH is null || NormX?.Statistics is not null ? x : tape.Rent<T>(rows * g),
            States = states,
            Entering = noise.HiddenInput is null ? states : tape.Rent<T>((steps + 1) * block),
            Cells = cells,
            NewCells = !HasCell ? default : carriesNew ? cells.Slice(block, rows * Hidden) : tape.Rent<T>(rows * Hidden),
            CellTanh = HasCell ? tape.Rent<T>(rows * Hidden) : default,
            Weight = operands.Weight.Value,
            Gain = operands.Gain?.Value ?? default,
            GainX = operands.GainX?.Value ?? default,
            Shift = operands.Shift?.Value ?? default,
            OwnShift = operands.OwnShift?.Value ?? default,
            CellGain = operands.CellGain?.Value ?? default,
            CellBias = operands.CellBias?.Value ?? default,
            Mean = isRow ? tape.Rent<T>(rows * Groups.Count) : default,
            Rstd = isRow ? tape.Rent<T>(rows * Groups.Count) : default,
            MeanX = isRow && !IsSummed ? tape.Rent<T>(rows * Groups.Count) : default,
            RstdX = isRow && !IsSummed ? tape.Rent<T>(rows * Groups.Count) : default,
            CellMean = hasCellRows ? tape.Rent<T>(rows) : default,
            CellRstd = hasCellRows ? tape.Rent<T>(rows) : default,
            Epsilon = Epsilon<T>.Of(Options),
            IsSummed = IsSummed,
            CarriesNormalized = Options.Carry == CarriedCell.Normalized,
            Replaces = Options.UpdateGate == UpdateGate.Replaces,
        };
        return buffers with
        {
            Padding = noise.Padding?.Value ?? default,
            HiddenShare = noise.HiddenShare?.Value ?? default,
            CellShare = noise.CellShare?.Value ?? default,
            CandidateFactors = noise.Candidate?.Value ?? default,
            EnteringFactors = noise.HiddenInput?.Value ?? default,
        };
    }
}
