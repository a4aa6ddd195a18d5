using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Training;

/// <summary>Keeps moving averages out of the subnormal numbers.</summary>
/// <remarks>
/// The average of a gradient that stays 0, as behind a ReLU that never fires, shrinks by its decay each step: after some 700 steps of Adam
/// in float32 it is subnormal, and there it stays, since 0.9 of the smallest number rounds to that number. A processor takes a hundred
/// times as long over a subnormal number, so that a few dead units made the whole step five times slower. The squares of the gradients of a
/// network that has learned its data are subnormal much earlier, and cost as much. So averages that may have either sign become 0 when they
/// are small, and <see cref="Least{T}"/> is added to squares: the root mean square of gradients 0 ends at some 10^-8 of the usual epsilon.
/// </remarks>
internal static class Subnormals
{
    /// <summary>x, or 0 where it is below <paramref name="least"/> in magnitude. NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Flush<V, T>(V x, V least)
        where V : struct, IReal<V, T>
        where T : unmanaged, IFloatingPointIeee754<T> => V.SelectGreater(least, V.Abs(x), V.Splat(T.Zero), x);

    /// <summary>1024 times the smallest normal number: 1.2e-35 in float32. Times a decay it is still normal.</summary>
    public static T Least<T>()
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T relativeStep = T.BitIncrement(T.One) - T.One;
        return T.Epsilon / relativeStep * T.CreateChecked(1024);
    }
}
