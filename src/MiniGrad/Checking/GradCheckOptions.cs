using System.Numerics;

namespace MiniGrad;

/// <summary>What <see cref="GradCheck"/> compares, and how closely.</summary>
public sealed record GradCheckOptions
{
    /// <summary>
    /// 1 checks gradients; 2 also Jacobian- and Hessian-vector products, which needs a backend of dual numbers. Default: 1.
    /// </summary>
    public int Order { get; init; } = 1;

    /// <summary>The seed of cotangents, directions and sampled elements. Default: 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Allowed error relative to the larger of both numbers. Default: 1e-8 in double, 2e-3 in float.</summary>
    public double? RelativeTolerance { get; init; }

    /// <summary>Allowed error beside the relative one, for numbers near zero. Default: 1e-10 in double, 1e-3 in float.</summary>
    public double? AbsoluteTolerance { get; init; }

    /// <summary>
    /// The first and largest step of the differences; smaller ones are derived from it. It is multiplied by |x| where that is over 1, and
    /// rounded down to a power of two. Default: 2^-6 in double and 2^-5 in float, whose smallest derived step is near the cube root of the
    /// precision.
    /// </summary>
    public double? Step { get; init; }

    /// <summary>
    /// Up to this many elements, every element of an input is checked by itself; beyond, random directions and a sample. Default: 128.
    /// </summary>
    public int ElementLimit { get; init; } = 128;

    /// <summary>
    /// How many random directions are checked for an input above <see cref="ElementLimit"/>, and for order 2. Default: 3.
    /// </summary>
    public int Projections { get; init; } = 3;

    /// <summary>
    /// How many elements, chosen at random, are checked by themselves for an input above <see cref="ElementLimit"/>. Default: 12.
    /// </summary>
    public int SampledElements { get; init; } = 12;

    /// <summary>Whether forward and backward pass must give the same bits when they run twice. Default: yes.</summary>
    public bool CheckDeterminism { get; init; } = true;
}

/// <summary>The options' numbers for one element type.</summary>
internal readonly struct GradCheckPrecision<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public GradCheckPrecision(GradCheckOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Order, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Order, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Projections, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.SampledElements);
        Epsilon = double.CreateChecked(T.BitIncrement(T.One) - T.One);
        bool isDouble = Epsilon < 1e-10;
        Relative = options.RelativeTolerance ?? (isDouble ? 1e-8 : 2e-3);
        Absolute = options.AbsoluteTolerance ?? (isDouble ? 1e-10 : 1e-3);
        FirstStep = options.Step is { } step ? Math.Pow(2, Math.Floor(Math.Log2(step))) : isDouble ? 1.0 / 64 : 1.0 / 32;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(FirstStep);
    }

    /// <summary>The distance from 1 to the next number.</summary>
    public double Epsilon { get; }

    public double Relative { get; }

    public double Absolute { get; }

    public double FirstStep { get; }

    /// <summary>Below this step the rounding of the function itself drowns the difference.</summary>
    public double SmallestStep => Math.Pow(Epsilon, 0.41);

    /// <summary>A step for one-sided differences close to a point, a power of two below the cube root of <see cref="Epsilon"/>.</summary>
    public double OneSidedStep => Math.Pow(2, Math.Floor(Math.Log2(Math.Cbrt(Epsilon) / 4)));

    /// <summary>
    /// What a number may be off: the tolerances, and what rounding of a function of size <paramref name="scale"/> makes of its difference.
    /// </summary>
    public double Allowed(double expected, double got, double scale, double step) =>
        Absolute + (Relative * Math.Max(Math.Abs(expected), Math.Abs(got))) + (4 * Epsilon * scale / step);
}
