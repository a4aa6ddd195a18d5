using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Training;

/// <summary>
/// Adam (Kingma and Ba 2015): p -= lr mHat / (sqrt(vHat) + epsilon), a step of about lr for every element, whatever the scale of its
/// gradients.
/// </summary>
/// <remarks>
/// m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g^2 are moving averages of the gradient and of its square. They start at zero,
/// so after t steps their weights add up to 1 - beta^t only: mHat = m / (1 - beta1^t) and vHat = v / (1 - beta2^t) make up for it. Weight
/// decay is part of the gradient (g + decay p), and so is scaled with it; <see cref="AdamW{T}"/> keeps it apart.
/// </remarks>
public class Adam<T> : Optimizer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly double beta1, beta2, epsilon, weightDecay;
    private readonly bool decouplesDecay;

    /// <param name="parameters">What is trained.</param>
    /// <param name="learningRate">The step size lr, above 0.</param>
    /// <param name="beta1">How much of the mean gradient is kept each step, from 0 to below 1.</param>
    /// <param name="beta2">How much of the mean square is kept each step, from 0 to below 1.</param>
    /// <param name="epsilon">Keeps the quotient finite where gradients are zero, above 0.</param>
    /// <param name="weightDecay">How much of the value is added to the gradient, at least 0.</param>
    /// <exception cref="ArgumentException">A parameter is given twice, or a rate is out of range.</exception>
    public Adam(
        IReadOnlyList<Parameter<T>> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8,
        double weightDecay = 0)
        : this(parameters, learningRate, beta1, beta2, epsilon, weightDecay, decouplesDecay: false)
    {
    }

    private protected Adam(
        IReadOnlyList<Parameter<T>> parameters, double learningRate, double beta1, double beta2, double epsilon, double weightDecay,
        bool decouplesDecay)
        : base(parameters, learningRate)
    {
        this.beta1 = HyperParameter.Decay(beta1);
        this.beta2 = HyperParameter.Decay(beta2);
        this.epsilon = HyperParameter.Positive(epsilon);
        this.weightDecay = HyperParameter.NotNegative(weightDecay);
        this.decouplesDecay = decouplesDecay;
        RentState("mean", "meanSquare");
    }

    /// <inheritdoc/>
    protected override void Update(IBackend<T> backend, ReadOnlySpan<UpdateCall<T>> calls, long step)
    {
        ArgumentNullException.ThrowIfNull(backend);
        backend.Update(
            new AdamRule<T>
            {
                Rate = T.CreateChecked(LearningRate / (1 - Math.Pow(beta1, step))),
                Keep = T.CreateChecked(decouplesDecay ? 1 - (LearningRate * weightDecay) : 1),
                GradientDecay = T.CreateChecked(decouplesDecay ? 0 : weightDecay),
                Beta1 = T.CreateChecked(beta1),
                Rest1 = T.CreateChecked(1 - beta1),
                Beta2 = T.CreateChecked(beta2),
                Rest2 = T.CreateChecked(1 - beta2),
                RootScale = T.CreateChecked(1 / Math.Sqrt(1 - Math.Pow(beta2, step))),
                Epsilon = T.CreateChecked(epsilon),
                Least = Subnormals.Least<T>(),
                LeastSquared = T.Sqrt(Subnormals.Least<T>() / T.CreateChecked(1 - beta2)),
            },
            calls);
    }
}

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): p is first multiplied by 1 - lr decay, so every element decays at one
/// rate.
/// </summary>
/// <param name="parameters">What is trained.</param>
/// <param name="learningRate">The step size lr, above 0.</param>
/// <param name="beta1">How much of the mean gradient is kept each step, from 0 to below 1.</param>
/// <param name="beta2">How much of the mean square is kept each step, from 0 to below 1.</param>
/// <param name="epsilon">Keeps the quotient finite where gradients are zero, above 0.</param>
/// <param name="weightDecay">The share of the value that a step of size 1 would take away, at least 0.</param>
/// <exception cref="ArgumentException">A parameter is given twice, or a rate is out of range.</exception>
public sealed class AdamW<T>(
    IReadOnlyList<Parameter<T>> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8,
    double weightDecay = 0.01)
    : Adam<T>(parameters, learningRate, beta1, beta2, epsilon, weightDecay, decouplesDecay: true)
    where T : unmanaged, IFloatingPointIeee754<T>;

internal readonly struct AdamRule<T> : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static int StateCount => 2;

    /// <summary>lr / (1 - beta1^t): the correction of the mean, moved to the rate.</summary>
    public required T Rate { get; init; }

    /// <summary>What decoupled decay multiplies the value by.</summary>
    public required T Keep { get; init; }

    /// <summary>How much of the value is added to the gradient.</summary>
    public required T GradientDecay { get; init; }

    public required T Beta1 { get; init; }

    /// <summary>1 - beta1, which would lose digits if computed in T.</summary>
    public required T Rest1 { get; init; }

    public required T Beta2 { get; init; }

    /// <summary>1 - beta2.</summary>
    public required T Rest2 { get; init; }

    /// <summary>1 / sqrt(1 - beta2^t): the correction of the root mean square.</summary>
    public required T RootScale { get; init; }

    public required T Epsilon { get; init; }

    /// <summary>Averages below this magnitude become 0.</summary>
    public required T Least { get; init; }

    /// <summary>Gradients below this magnitude count as 0 in the mean square: their scaled squares would be flushed or subnormal.</summary>
    public required T LeastSquared { get; init; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T>
    {
        V g = V.MultiplyAdd(V.Splat(GradientDecay), value, gradient);
        V squared = Subnormals.Flush(g, LeastSquared);
        V mean = Subnormals.Flush(V.MultiplyAdd(V.Splat(Beta1), state0, V.Splat(Rest1) * g), Least);
        V meanSquare = Subnormals.Flush(V.MultiplyAdd(V.Splat(Beta2), state1, V.Splat(Rest2) * (squared * squared)), Least);
        V root = V.MultiplyAdd(V.Sqrt(meanSquare), V.Splat(RootScale), V.Splat(Epsilon));
        return ((V.Splat(Keep) * value) - (V.Splat(Rate) * (mean / root)), mean, meanSquare);
    }
}
