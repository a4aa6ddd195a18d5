using System.Numerics;

namespace MiniGrad.Backends;

/// <summary>What an elementwise op keeps for its backward pass.</summary>
public enum Saves
{
    /// <summary>Its input x.</summary>
    Input,

    /// <summary>Its output y, where the derivative is simpler in y (tanh: 1 - y^2).</summary>
    Output,

    /// <summary>Nothing: the derivative is a constant, and the backward pass reads dy alone.</summary>
    Nothing,
}

/// <summary>
/// A differentiable function of one number, with its vector-Jacobian product. Fields are constants of the op, such as a slope.
/// </summary>
public interface IUnaryOp<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Which of x and y <see cref="Vjp"/> gets; zero if it saves neither.</summary>
    static abstract Saves Saves { get; }

    /// <summary>y = f(x).</summary>
    V Forward<V>(V x)
        where V : struct, IReal<V, T>;

    /// <summary>dx = f'(x) dy, from the saved x or y.</summary>
    V Vjp<V>(V saved, V dy)
        where V : struct, IReal<V, T>;
}
