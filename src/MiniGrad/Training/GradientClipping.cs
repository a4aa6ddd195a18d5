using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Training;

/// <summary>
/// Limits gradients between the backward pass and the optimizer's step, so that one steep place does not throw the parameters far away.
/// </summary>
public static class GradientClipping
{
    private const int ElementsPerChunk = 8192;

    /// <summary>
    /// Takes the gradients of all parameters as one vector and, if it is longer than <paramref name="maxNorm"/>, scales it to that length
    /// (Pascanu et al. 2013). Parameters without a gradient are left out.
    /// </summary>
    /// <remarks>
    /// As libtorch, multiplies by maxNorm / (norm + 1e-6) where that is below 1. A norm that is NaN or infinite (also because the squares
    /// overflow T) scales nothing: every gradient would become NaN or zero, which hides the fault. Test the result with
    /// <see cref="double.IsFinite"/>.
    /// </remarks>
    /// <returns>The length before clipping.</returns>
    /// <exception cref="ArgumentException">The parameters are on different backends.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxNorm"/> is not above 0.</exception>
    public static double ClipGradientNorm<T>(this IReadOnlyList<Parameter<T>> parameters, double maxNorm)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        HyperParameter.Positive(maxNorm);
        double norm = parameters.GradientNorm();
        double scale = maxNorm / (norm + 1e-6);
        if (double.IsFinite(norm) && scale < 1)
        {
            Update(parameters, new ScaleRule<T>(T.CreateChecked(scale)));
        }
        return norm;
    }

    /// <summary>
    /// Limits every element of the gradients to the range from -<paramref name="limit"/> to <paramref name="limit"/>. NaN stays NaN.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is not above 0.</exception>
    public static void ClipGradientValues<T>(this IReadOnlyList<Parameter<T>> parameters, double limit)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        Update(parameters, new ClampRule<T>(T.CreateChecked(HyperParameter.Positive(limit))));

    /// <summary>The Euclidean length of the gradients of all parameters, as one vector; 0 if none has a gradient.</summary>
    /// <exception cref="ArgumentException">The parameters are on different backends.</exception>
    public static double GradientNorm<T>(this IReadOnlyList<Parameter<T>> parameters)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(parameters);
        IBackend<T>? backend = null;
        int chunks = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i].HasGradient)
            {
                backend ??= parameters[i].Backend;
                if (parameters[i].Backend != backend)
                {
                    throw new ArgumentException(
                        $"GradientNorm: {parameters[i]} is on another backend than those before it: clip the parameters of each apart.");
                }
                chunks += ChunksOf(parameters[i].Shape.ElementCount);
            }
        }
        return backend is null ? 0 : Math.Sqrt(SumOfSquares(backend, parameters, chunks));
    }

    // Sums of chunks are added in one fixed order, so that the norm does not depend on the number of threads; one number is read back in
    // the end.
    private static double SumOfSquares<T>(IBackend<T> backend, IReadOnlyList<Parameter<T>> parameters, int chunks)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using Scratch<T> partial = backend.Pool.RentScratch<T>(chunks), total = backend.Pool.RentScratch<T>(1);
        int chunk = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i].HasGradient)
            {
                int length = parameters[i].Shape.ElementCount, count = ChunksOf(length);
                SumOfSquaresKernel<T> kernel = new(parameters[i].Gradient, partial.Buffer.Slice(chunk, count));
                backend.Run(kernel, length, ElementsPerChunk);
                chunk += count;
            }
        }
        backend.Reduce(default(SumReduction<T>), new ReduceCall<T>(partial.Buffer, total.Buffer, 1, chunks, 1, T.One, false));
        T sum = default;
        backend.Download(total.Buffer, new Span<T>(ref sum));
        return double.CreateChecked(sum);
    }

    private static void Update<T, TRule>(IReadOnlyList<Parameter<T>> parameters, TRule rule)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : unmanaged, IUpdateRule<T>
    {
        ArgumentNullException.ThrowIfNull(parameters);
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i].HasGradient)
            {
                DeviceBuffer<T> gradient = parameters[i].Gradient;
                parameters[i].Backend.Update(rule, [new UpdateCall<T>(gradient, gradient, default, default)]);
            }
        }
    }

    private static int ChunksOf(int length) => (length + ElementsPerChunk - 1) / ElementsPerChunk;
}

/// <summary>One partial sum of x^2 per chunk.</summary>
internal readonly struct SumOfSquaresKernel<T>(DeviceBuffer<T> x, DeviceBuffer<T> partial) : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static string DeviceSource => """
        struct Arguments { Buffer<real> x, partial; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const Team team = Team::of_block();
            real sum = 0;
            for (int i = first + team.rank; i < end; i += team.size)
                sum = MultiplyAdd(k.x[i], k.x[i], sum);
            sum = team.sum(sum);
            if (team.rank == 0)
                k.partial[chunk] = sum;
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        V zero = V.Splat(T.Zero), sum = zero;
        for (int i = first; i < end; i += V.Width)
        {
            V value = V.Load(x, i, end - i, zero);
            sum = V.MultiplyAdd(value, value, sum);
        }
        V.StoreScalar(V.Sum(sum), partial, chunk);
    }
}

/// <summary>An update of a gradient in place: g = scale g.</summary>
internal readonly struct ScaleRule<T>(T scale) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static int StateCount => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T> => (V.Splat(scale) * value, state0, state1);
}

/// <summary>An update of a gradient in place: g = max(-limit, min(limit, g)).</summary>
internal readonly struct ClampRule<T>(T limit) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static int StateCount => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T> => (V.Max(-V.Splat(limit), V.Min(V.Splat(limit), value)), state0, state1);
}
