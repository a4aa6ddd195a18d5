using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Training;

/// <summary>
/// RMSProp (Hinton 2012): p -= lr g / (sqrt(v) + epsilon), with v = alpha v + (1 - alpha) g^2, a moving average of the squared gradient.
/// </summary>
/// <remarks>
/// With momentum mu, b = mu b + g / (sqrt(v) + epsilon) and p -= lr b. Weight decay is part of the gradient (g + decay p).
/// </remarks>
public sealed class RmsProp<T> : Optimizer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly double alpha, epsilon, momentum, weightDecay;

    /// <param name="parameters">What is trained.</param>
    /// <param name="learningRate">The step size lr, above 0.</param>
    /// <param name="alpha">How much of the mean square is kept each step, from 0 to below 1.</param>
    /// <param name="epsilon">Keeps the quotient finite where gradients are zero, above 0.</param>
    /// <param name="momentum">mu, from 0 (none) to below 1.</param>
    /// <param name="weightDecay">How much of the value is added to the gradient, at least 0.</param>
    /// <exception cref="ArgumentException">A parameter is given twice, or a rate is out of range.</exception>
    public RmsProp(
        IReadOnlyList<Parameter<T>> parameters, double learningRate = 1e-2, double alpha = 0.99, double epsilon = 1e-8, double momentum = 0,
        double weightDecay = 0)
        : base(parameters, learningRate)
    {
        this.alpha = HyperParameter.Decay(alpha);
        this.epsilon = HyperParameter.Positive(epsilon);
        this.momentum = HyperParameter.Decay(momentum);
        this.weightDecay = HyperParameter.NotNegative(weightDecay);
        if (momentum > 0)
        {
            RentState("meanSquare", "momentum");
        }
        else
        {
            RentState("meanSquare");
        }
    }

    /// <inheritdoc/>
    protected override void Update(IBackend<T> backend, ReadOnlySpan<UpdateCall<T>> calls, long step)
    {
        ArgumentNullException.ThrowIfNull(backend);
        RmsPropRule<T> rule = new(
            T.CreateChecked(LearningRate), T.CreateChecked(alpha), T.CreateChecked(Math.Sqrt(1 - alpha)), T.CreateChecked(epsilon),
            Subnormals.Least<T>());
        if (momentum == 0)
        {
            WeightDecay.Update(backend, rule, weightDecay, calls);
        }
        else
        {
            WeightDecay.Update(backend, new RmsPropMomentumRule<T>(rule, T.CreateChecked(momentum)), weightDecay, calls);
        }
    }
}

internal readonly struct RmsPropRule<T>(T rate, T alpha, T rootRest, T epsilon, T least) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static int StateCount => 1;

    public T Rate => rate;

    public T Least => least;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T>
    {
        (V direction, V meanSquare) = Normalize(gradient, state0);
        return (value - (rate * direction), meanSquare, state1);
    }

    /// <summary>g / (sqrt(v) + epsilon), and v.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Direction, V MeanSquare) Normalize<V>(V g, V meanSquare)
        where V : struct, IReal<V, T>
    {
        V scaled = rootRest * g, square = V.MultiplyAdd(scaled, scaled, V.Splat(least));
        V v = V.MultiplyAdd(alpha, meanSquare, square);
        return (g / (V.Sqrt(v) + V.Splat(epsilon)), v);
    }
}

internal readonly struct RmsPropMomentumRule<T>(RmsPropRule<T> rule, T momentum) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static int StateCount => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T>
    {
        (V direction, V meanSquare) = rule.Normalize(gradient, state0);
        V b = Subnormals.Flush<V, T>(V.MultiplyAdd(momentum, state1, direction), V.Splat(rule.Least));
        return (value - (rule.Rate * b), meanSquare, b);
    }
}
