using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Training;

/// <summary>Weight decay, which goes around a rule: a rule without it does no arithmetic for it.</summary>
internal static class WeightDecay
{
    /// <summary>Updates with <paramref name="decay"/> times the value added to the gradient.</summary>
    public static void Update<T, TRule>(IBackend<T> backend, TRule rule, double decay, ReadOnlySpan<UpdateCall<T>> calls)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : unmanaged, IUpdateRule<T>
    {
        if (decay == 0)
        {
            backend.Update(rule, calls);
        }
        else
        {
            backend.Update(new GradientDecayRule<T, TRule>(rule, T.CreateChecked(decay)), calls);
        }
    }

    /// <summary>Updates values that are first multiplied by <paramref name="keep"/>.</summary>
    public static void UpdateDecoupled<T, TRule>(IBackend<T> backend, TRule rule, double keep, ReadOnlySpan<UpdateCall<T>> calls)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : unmanaged, IUpdateRule<T> => backend.Update(new DecoupledDecayRule<T, TRule>(rule, T.CreateChecked(keep)), calls);
}

internal readonly struct GradientDecayRule<T, TRule>(TRule rule, T decay) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TRule : unmanaged, IUpdateRule<T>
{
    public static int StateCount => TRule.StateCount;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T> => rule.Update(value, V.MultiplyAdd(decay, value, gradient), state0, state1);
}

internal readonly struct DecoupledDecayRule<T, TRule>(TRule rule, T keep) : IUpdateRule<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TRule : unmanaged, IUpdateRule<T>
{
    public static int StateCount => TRule.StateCount;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (V Value, V State0, V State1) Update<V>(V value, V gradient, V state0, V state1)
        where V : struct, IReal<V, T> => rule.Update(keep * value, gradient, state0, state1);
}
