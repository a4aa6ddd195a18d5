using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The memory of a fused cell over a sequence of T steps of N cases: what forward makes and backward reads. Rows are those of all steps,
/// row t N + n for case n at step t. G is the gates of a product times H.
/// </summary>
/// <remarks>
/// Buffers share memory where the one's content is dead before the other's is written. Without normalization X, Product and Activations are
/// one buffer: the product is added to the input's part, and the gates take its place. With their sum normalized, it is added as well.
/// </remarks>
internal readonly record struct SequenceBuffers<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>T.</summary>
    public required int Steps { get; init; }

    /// <summary>N.</summary>
    public required int Cases { get; init; }

    /// <summary>How the G features of a product are normalized.</summary>
    public required GateGroups Groups { get; init; }

    /// <summary>H.</summary>
    public required int Hidden { get; init; }

    /// <summary>W_x x, T N x G; with b if that is not added elsewhere.</summary>
    public required DeviceBuffer<T> X { get; init; }

    /// <summary>What is normalized: W_h h, or its sum with X, T N x G.</summary>
    public required DeviceBuffer<T> Product { get; init; }

    /// <summary>The gates after their nonlinearities, T N x G.</summary>
    public required DeviceBuffer<T> Activations { get; init; }

    /// <summary>Hidden states from the initial one on, (T + 1) N x H.</summary>
    public required DeviceBuffer<T> States { get; init; }

    /// <summary>The hidden states as they enter the products: <see cref="States"/>, or these times the variational mask.</summary>
    public required DeviceBuffer<T> Entering { get; init; }

    /// <summary>Cell states from the initial one on, as they are carried, (T + 1) N x H.</summary>
    public DeviceBuffer<T> Cells { get; init; }

    /// <summary>What is normalized of the cell states, f c + i g, T N x H.</summary>
    public DeviceBuffer<T> NewCells { get; init; }

    /// <summary>tanh of the cell states, normalized if they are, T N x H.</summary>
    public DeviceBuffer<T> CellTanh { get; init; }

    /// <summary>W_h, H x G.</summary>
    public required DeviceBuffer<T> Weight { get; init; }

    /// <summary>Gains of the product's normalization, G.</summary>
    public DeviceBuffer<T> Gain { get; init; }

    /// <summary>Gains of the normalization of X, G; empty if X is not normalized by itself.</summary>
    public DeviceBuffer<T> GainX { get; init; }

    /// <summary>The sum of all biases behind the normalizations, G.</summary>
    public DeviceBuffer<T> Shift { get; init; }

    /// <summary>The bias of a GRU's own part of the candidate, H.</summary>
    public DeviceBuffer<T> OwnShift { get; init; }

    /// <summary>Gains of the cell state's normalization, H.</summary>
    public DeviceBuffer<T> CellGain { get; init; }

    /// <summary>Biases of the cell state's normalization, H.</summary>
    public DeviceBuffer<T> CellBias { get; init; }

    /// <summary>
    /// Statistics of the products, a number for each row and group; batch norm keeps its own (<see cref="BatchStatistics{T}"/>).
    /// </summary>
    public DeviceBuffer<T> Mean { get; init; }

    /// <summary>Like <see cref="Mean"/>.</summary>
    public DeviceBuffer<T> Rstd { get; init; }

    /// <summary>Statistics of X, like <see cref="Mean"/>.</summary>
    public DeviceBuffer<T> MeanX { get; init; }

    /// <summary>Like <see cref="MeanX"/>.</summary>
    public DeviceBuffer<T> RstdX { get; init; }

    /// <summary>Statistics of the cell states, a number for each row.</summary>
    public DeviceBuffer<T> CellMean { get; init; }

    /// <summary>Like <see cref="CellMean"/>.</summary>
    public DeviceBuffer<T> CellRstd { get; init; }

    /// <summary>Epsilon of all normalizations.</summary>
    public Epsilon<T> Epsilon { get; init; }

    /// <summary>Whether the sum of the products is normalized.</summary>
    public bool IsSummed { get; init; }

    /// <summary>Whether the normalized cell state is carried.</summary>
    public bool CarriesNormalized { get; init; }

    /// <summary>Whether a GRU's update gate replaces the state instead of keeping it.</summary>
    public bool Replaces { get; init; }

    /// <summary>Whether the initial hidden state is known to be zero, so that its product need not be computed.</summary>
    public bool StartsAtZero { get; init; }

    /// <summary>1 for cases and 0 for padding, T N; empty without padding.</summary>
    public DeviceBuffer<T> Padding { get; init; }

    /// <summary>Shares of the new hidden state, T N x H; empty without zoneout.</summary>
    public DeviceBuffer<T> HiddenShare { get; init; }

    /// <summary>Shares of the new cell state, T N x H; empty without zoneout.</summary>
    public DeviceBuffer<T> CellShare { get; init; }

    /// <summary>Factors of the candidates, T N x H; empty without recurrent dropout.</summary>
    public DeviceBuffer<T> CandidateFactors { get; init; }

    /// <summary>Factors of hidden states entering products, N x H; empty without variational dropout.</summary>
    public DeviceBuffer<T> EnteringFactors { get; init; }

    /// <summary>Cases per chunk of the kernels of a step, as the backend wants them.</summary>
    public required int Grain { get; init; }

    /// <summary>G.</summary>
    public int Features => Groups.Features;

    /// <summary>The number of chunks of a step.</summary>
    public int Chunks => (Cases + Grain - 1) / Grain;

    // A quarter of what plain row kernels take: exponentials make a gate dearer than a sum.
    private const int ElementsPerChunk = 4096;

    /// <summary>Cases per chunk that suit a processor's caches.</summary>
    public static int SuggestedGrain(int cases, int features) => Math.Clamp(ElementsPerChunk / features, 1, cases);

    /// <summary>Row <paramref name="row"/> of a buffer with <paramref name="width"/> features.</summary>
    public static DeviceBuffer<T> Row(DeviceBuffer<T> buffer, int row, int width) => buffer.Slice(row * width, width);

    /// <summary>The rows of step <paramref name="step"/> of such a buffer.</summary>
    public DeviceBuffer<T> Step(DeviceBuffer<T> buffer, int step, int width) => buffer.Slice(step * Cases * width, Cases * width);

    /// <summary>Runs a kernel that goes down columns of the hidden state, in chunks of as many as share no cache lines.</summary>
    public void RunColumns<TKernel>(IBackend<T> backend, in TKernel kernel)
        where TKernel : unmanaged, IKernel<T> => backend.Run(kernel, Hidden, backend.Grain(Hidden, Math.Min(Hidden, 64), together: 8));
}

/// <summary>The gradients that backward passes from step to step, and those it collects.</summary>
internal readonly record struct SequenceGradients<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Of the hidden states as outputs, T N x H.</summary>
    public required DeviceBuffer<T> Outputs { get; init; }

    /// <summary>Of a step's hidden state, by the products of the next step, N x H.</summary>
    public required DeviceBuffer<T> FromProduct { get; init; }

    /// <summary>Of a step's hidden state, by what the next step takes over from it, N x H.</summary>
    public required DeviceBuffer<T> Direct { get; init; }

    /// <summary>Of a step's carried cell state, N x H.</summary>
    public DeviceBuffer<T> Cell { get; init; }

    /// <summary>Of a step's new cell state, by its normalization, N x H: room for kernels that go down columns.</summary>
    public DeviceBuffer<T> CellGradients { get; init; }

    /// <summary>Of X, T N x G; until a row is done, it holds those of the gates before their nonlinearities.</summary>
    public required DeviceBuffer<T> X { get; init; }

    /// <summary>Of the products, T N x G: the same memory as <see cref="X"/> unless the products are normalized apart.</summary>
    public required DeviceBuffer<T> Product { get; init; }

    /// <summary>Sums of <see cref="SequenceBuffers{T}.Gain"/>'s gradients, a row for each chunk of cases.</summary>
    public DeviceBuffer<T> Gain { get; init; }

    /// <summary>Likewise of <see cref="SequenceBuffers{T}.GainX"/>.</summary>
    public DeviceBuffer<T> GainX { get; init; }

    /// <summary>Likewise of <see cref="SequenceBuffers{T}.Shift"/>.</summary>
    public DeviceBuffer<T> Shift { get; init; }

    /// <summary>Likewise of <see cref="SequenceBuffers{T}.OwnShift"/>.</summary>
    public DeviceBuffer<T> OwnShift { get; init; }

    /// <summary>Likewise of <see cref="SequenceBuffers{T}.CellGain"/>.</summary>
    public DeviceBuffer<T> CellGain { get; init; }

    /// <summary>Likewise of <see cref="SequenceBuffers{T}.CellBias"/>.</summary>
    public DeviceBuffer<T> CellBias { get; init; }
}
