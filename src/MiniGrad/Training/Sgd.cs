using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Training;

/// <summary>Stochastic gradient descent: p -= lr g, where g includes weight decay (+ decay p), with optional momentum.</summary>
/// <remarks>
/// With momentum mu, b = mu b + g and p -= lr b: b is a moving sum of gradients, so steps grow along directions in which they agree.
/// Nesterov's variant looks one step ahead: p -= lr (g + mu b).
/// </remarks>
public sealed class Sgd<T> : Optimizer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly double momentum, weightDecay;
    private readonly bool nesterov;

    /// <param name="parameters">What is trained.</param>
    /// <param name="learningRate">The step size lr, above 0.</param>
    /// <param name="momentum">mu, from 0 (none, and no state) to below 1.</param>
    /// <param name="weightDecay">How much of the value is added to the gradient, at least 0.</param>
    /// <param name="nesterov">Whether to look ahead; needs momentum.</param>
    /// <exception cref="ArgumentException">A parameter is given twice, a rate is out of range, or Nesterov's variant has no
    /// momentum.</exception>
    public Sgd(
        IReadOnlyList<Parameter<T>> parameters, double learningRate, double momentum = 0, double weightDecay = 0, bool nesterov = false)
        : base(parameters, learningRate)
    {
        this.momentum = HyperParameter.Decay(momentum);
        this.weightDecay = HyperParameter.NotNegative(weightDecay);
        this.nesterov = nesterov;
        if (nesterov && momentum == 0)
        {
            throw new ArgumentException("Nesterov's variant of SGD needs a momentum above 0; usual is 0.9.", nameof(nesterov));
        }
        if (momentum > 0)
        {
            RentState("momentum");
        }
    }

    /// <inheritdoc/>
    protected override void Update(IBackend<T> backend, ReadOnlySpan<UpdateCall<T>> calls, long step)
    {
        ArgumentNullException.ThrowIfNull(backend);
        T rate = T.CreateChecked(LearningRate), mu = T.CreateChecked(momentum);
        if (momentum == 0)
        {
            WeightDecay.Update(backend, new SgdRule<T>(rate), weightDecay, calls);
        }
        else if (nesterov)
        {
            WeightDecay.Update(backend, new NesterovRule<T>(rate, mu, Subnormals.Least<T>()), weightDecay, calls);
        }
        else
        {
            WeightDecay.Update(backend, new MomentumRule<T>(rate, mu, Subnormals.Least<T>()), weightDecay, calls);
        }
    }
}

internal readonly struct SgdRule<T>(T rate) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static int StateCount => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T>
    {
        return (value - (rate * gradient), state0, state1);
    }
}

internal readonly struct MomentumRule<T>(T rate, T momentum, T least) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static int StateCount => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T>
    {
        V b = Subnormals.Flush<V, T>(V.MultiplyAdd(momentum, state0, gradient), V.Splat(least));
        return (value - (rate * b), b, state1);
    }
}

internal readonly struct NesterovRule<T>(T rate, T momentum, T least) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static int StateCount => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T>
    {
        V b = Subnormals.Flush<V, T>(V.MultiplyAdd(momentum, state0, gradient), V.Splat(least));
        return (value - (rate * V.MultiplyAdd(momentum, b, gradient)), b, state1);
    }
}
