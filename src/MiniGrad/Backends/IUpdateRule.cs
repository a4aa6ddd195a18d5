using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>One step of an optimizer for one element: from the gradient to a new value and state. Fields hold the step's rates.</summary>
public interface IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>How many of the two state arrays the rule uses: 0, 1 or 2.</summary>
    static abstract int StateCount { get; }

    /// <summary>The new value and state. States past <see cref="StateCount"/> are passed as zero and not stored.</summary>
    (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T>;
}

/// <summary>One parameter of <see cref="IBackend{T}.Update"/>: arrays of the same length.</summary>
/// <param name="Value">The parameter, updated in place.</param>
/// <param name="Gradient">Its gradient.</param>
/// <param name="State0">The rule's first state (a momentum), updated in place; empty if unused.</param>
/// <param name="State1">The rule's second state, updated in place; empty if unused.</param>
public readonly record struct UpdateCall<T>(DeviceBuffer<T> Value, DeviceBuffer<T> Gradient, DeviceBuffer<T> State0, DeviceBuffer<T> State1)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>
    /// What the gradient is, where it has not been computed; else <c>default</c>. Only for backends that
    /// <see cref="IBackend{T}.FusesProducts"/>: they compute it in passing and leave <see cref="Gradient"/> as it is.
    /// </summary>
    public OuterProducts<T> Product { get; init; }
}
