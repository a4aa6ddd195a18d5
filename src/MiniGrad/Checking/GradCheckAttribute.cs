namespace MiniGrad;

/// <summary>
/// A case for the gradient checker, on the op itself: a static method of tensors that returns a tensor. Every case in an assembly is found
/// and checked; an op with other arguments has small private methods beside it that fix them.
/// </summary>
/// <param name="shapes">The shape of each tensor argument, such as "3x5"; "" is a scalar.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class GradCheckAttribute(params string[] shapes) : Attribute
{
    /// <summary>The shape of each tensor argument.</summary>
    public IReadOnlyList<string> Shapes { get; } = shapes;

    /// <summary>The smallest input value. Choose the range off the op's kinks and poles.</summary>
    public double Low { get; init; } = -1;

    /// <summary>The largest input value.</summary>
    public double High { get; init; } = 1;

    /// <summary>A radius around zero that inputs keep out of, for ops with a kink there.</summary>
    public double AwayFromZero { get; init; }
}
