using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// y = log x, the natural logarithm. dx = dy / x, from log' = 1 / x. Saves x.
/// </summary>
public static class LogExtensions
{
    extension<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The natural logarithm of every element: -infinity at 0, NaN below.</summary>
        [GradCheck("3x5", Low = 0.3, High = 3)]
        public Tensor<T> Log() => x.Map(default(LogOp<T>));
    }
}

internal readonly struct LogOp<T> : IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static Saves Saves => Saves.Input;

    public V Forward<V>(V x)
        where V : struct, IReal<V, T> => V.Log(x);

    public V Vjp<V>(V x, V dy)
        where V : struct, IReal<V, T> => dy / x;
}
