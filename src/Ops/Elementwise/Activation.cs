using System.Numerics;

namespace MiniGrad.Ops;

/// <summary>A nonlinearity, as a choice.</summary>
public enum Activation
{
    /// <summary>x.</summary>
    Identity,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>x above 0, 0.01 x below.</summary>
    LeakyRelu,

    /// <summary>x above 0, e^x - 1 below.</summary>
    Elu,

    /// <summary>x times the normal distribution function.</summary>
    Gelu,

    /// <summary>x times the logistic function.</summary>
    Silu,

    /// <summary>log(1 + e^x).</summary>
    Softplus,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>The logistic function 1 / (1 + e^-x).</summary>
    Sigmoid,
}

/// <summary>Applies an <see cref="Activation"/>; the ops themselves are in the files of their names.</summary>
public static class ActivationExtensions
{
    /// <summary>The nonlinearity <paramref name="activation"/>, with its default constants, of every element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such activation.</exception>
    public static Tensor<T> Activate<T>(this Tensor<T> x, Activation activation)
        where T : unmanaged, IFloatingPointIeee754<T> => activation switch
        {
            Activation.Identity => x,
            Activation.Relu => x.Relu(),
            Activation.LeakyRelu => x.LeakyRelu(),
            Activation.Elu => x.Elu(),
            Activation.Gelu => x.Gelu(),
            Activation.Silu => x.Silu(),
            Activation.Softplus => x.Softplus(),
            Activation.Tanh => x.Tanh(),
            Activation.Sigmoid => x.Sigmoid(),
            _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "There is no such activation."),
        };

    [GradCheck("3x5", Low = -2, High = 2, AwayFromZero = 0.1)]
    private static Tensor<T> SumOfAllActivations<T>(Tensor<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tensor<T> sum = x;
        foreach (Activation activation in Enum.GetValues<Activation>())
        {
            sum += x.Activate(activation);
        }
        return sum;
    }
}
