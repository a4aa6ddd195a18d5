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
        AdamRule<T> rule = new()
        {
            MinusRate = T.CreateChecked(-LearningRate / (1 - Math.Pow(beta1, step))),
            Beta1 = T.CreateChecked(beta1),
            Rest1 = T.CreateChecked(1 - beta1),
            Beta2 = T.CreateChecked(beta2),
            RootRest2 = T.CreateChecked(Math.Sqrt(1 - beta2)),
            RootScale = T.CreateChecked(1 / Math.Sqrt(1 - Math.Pow(beta2, step))),
            Epsilon = T.CreateChecked(epsilon),
            Least = Subnormals.Least<T>(),
        };
        if (decouplesDecay && weightDecay > 0)
        {
            WeightDecay.UpdateDecoupled(backend, rule, 1 - (LearningRate * weightDecay), calls);
        }
        else
        {
            WeightDecay.Update(backend, rule, weightDecay, calls);
        }
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

    /// <summary>-lr / (1 - beta1^t): the correction of the mean, moved to the rate.</summary>
    public required T MinusRate { get; init; }

    public required T Beta1 { get; init; }

    /// <summary>1 - beta1, which would lose digits if computed in T.</summary>
    public required T Rest1 { get; init; }

    public required T Beta2 { get; init; }

    /// <summary>sqrt(1 - beta2): the gradient is scaled before it is squared, lest it become subnormal.</summary>
    public required T RootRest2 { get; init; }

    /// <summary>1 / sqrt(1 - beta2^t): the correction of the root mean square.</summary>
    public required T RootScale { get; init; }

    public required T Epsilon { get; init; }

    /// <summary>Means below this magnitude become 0, and squares of gradients are so much larger.</summary>
    public required T Least { get; init; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T>
    {
        // Each of the rule's numbers is read where it is used, by an expression of variables: so it becomes part of the instruction.
        V least = V.Splat(Least), share = Rest1 * gradient, scaled = RootRest2 * gradient;
        V mean = Subnormals.Flush<V, T>(V.MultiplyAdd(Beta1, state0, share), least);
        V square = V.MultiplyAdd(scaled, scaled, least), meanSquare = V.MultiplyAdd(Beta2, state1, square);
        V root = V.Sqrt(meanSquare), epsilon = V.Splat(Epsilon);
        root = V.MultiplyAdd(RootScale, root, epsilon);
        V step = mean / root;
        return (V.MultiplyAdd(MinusRate, step, value), mean, meanSquare);
    }
}
