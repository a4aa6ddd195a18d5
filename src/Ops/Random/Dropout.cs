using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// y = m x, with m = 0 for a share p of the elements, drawn at random, and 1/(1 - p) for the others, so that the mean of y is x (inverted
/// dropout, Srivastava et al. 2014). m does not depend on x, so dx = m dy. Element i takes word i of the counter-based generator, so any
/// thread can draw it, and backward draws the same mask again: only the generator's state is saved.
/// </summary>
public static class DropoutExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>In training, zeroes a share of the elements and scales up the others; in evaluation, gives the tensor itself.</summary>
        /// <param name="probability">The share p that is dropped, in [0, 1). 0 gives the tensor itself.</param>
        /// <param name="random">Where the mask is drawn from: one block of four words per four elements, begun or full.</param>
        /// <param name="phase">Training or evaluation.</param>
        /// <exception cref="ArgumentOutOfRangeException"><paramref name="probability"/> is not in [0, 1).</exception>
        public Tensor<T> Dropout(double probability, Philox random, Phase phase = Phase.Training)
        {
            ArgumentNullException.ThrowIfNull(random);
            if (!(probability >= 0 && probability < 1))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(probability), probability, "Dropout: the probability of dropping an element must be from 0 to below 1.");
            }
            if (probability == 0 || phase == Phase.Evaluation)
            {
                return x;
            }
            Tape<T> tape = Operands.TapeOf("Dropout", x);
            Tensor<T> y = tape.NewResult(x.Shape, x.NeedsGradient);
            DropoutMask<T> mask = new(random.ReserveBlocks((x.Shape.ElementCount + 3) / 4), probability);
            DropoutKernel<T>.Run(tape.Backend, mask, x.Value, new GradientSink<T>(y.Value, false));
            if (y.NeedsGradient)
            {
                tape.Record<DropoutNode<T>>(y, x).Mask = mask;
            }
            return y;
        }
    }

    [GradCheck("5x7")]
    private static Tensor<T> DropoutOfFixedSeed<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T> => x.Dropout(0.4, new Philox(1));
}

internal sealed class DropoutNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public DropoutMask<T> Mask { get; set; }

    public override string Op => "Dropout";

    public override void Backward(IBackend<T> backend) => DropoutKernel<T>.Run(backend, Mask, Output.Gradient, Inputs[0].GradientSink());
}

/// <summary>The mask m, as a rule: element i is dropped if word i after the state is below p 2^32.</summary>
internal readonly struct DropoutMask<T>(PhiloxState state, double probability)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly uint threshold = (uint)(probability * 4294967296.0);
    private readonly T scale = T.CreateTruncating(1 / (1 - probability));

    /// <summary>0 or 1/(1 - p), without a branch: on random words, the processor would guess every other one wrong.</summary>
    public T Factor(uint word)
    {
        int isDropped = (int)(((ulong)word - threshold) >> 63); // The sign of the difference.
        return T.CreateTruncating(1 - isDropped) * scale;
    }

    /// <summary>The words of elements 4 <paramref name="block"/> to 4 <paramref name="block"/> + 3.</summary>
    public PhiloxWords Words(int block) => Philox.Block(state.Seed, state.Stream, state.BlockIndex + (ulong)block);
}

/// <summary>y (+)= m x, for both directions. Its items are blocks of four elements.</summary>
internal readonly struct DropoutKernel<T>(DropoutMask<T> mask, DeviceBuffer<T> x, GradientSink<T> y) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int BlocksPerChunk = 1024;

    public static void Run(IBackend<T> backend, DropoutMask<T> mask, DeviceBuffer<T> x, GradientSink<T> y) =>
        backend.Run(new DropoutKernel<T>(mask, x, y), (x.Length + 3) / 4, BlocksPerChunk);

    public static string DeviceSource => """
        struct State { unsigned long long seed, stream, position; };
        struct Mask { State state; unsigned threshold; real scale; };
        struct Arguments { Mask mask; Buffer<real> x; Sink y; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            for (int block = first + thread_in_block(); block < end; block += threads_of_block())
            {
                const State& state = k.mask.state;
                const Philox words(state.seed, state.stream, state.position / 4 + block);
                #pragma unroll
                for (int lane = 0; lane < 4; lane++)
                    if (4 * block + lane < k.x.length)
                        k.y.write(4 * block + lane, (words.of[lane] < k.mask.threshold ? real(0) : k.mask.scale) * k.x[4 * block + lane]);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        for (int block = first; block < end; block++)
        {
            (uint w0, uint w1, uint w2, uint w3) = mask.Words(block);
            int i = 4 * block;
            Write(V.Splat(mask.Factor(w0)), i);
            Write(V.Splat(mask.Factor(w1)), i + 1);
            Write(V.Splat(mask.Factor(w2)), i + 2);
            Write(V.Splat(mask.Factor(w3)), i + 3);
        }
    }

    private void Write<V>(V factor, int i)
        where V : struct, ISimd<V, T>
    {
        if (i < x.Length)
        {
            V value = factor * V.LoadSplat(x, i);
            V.StoreScalar(y.Accumulate ? V.LoadSplat(y.Buffer, i) + value : value, y.Buffer, i);
        }
    }
}
