using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>A scalar function's value, gradient and Hessian-vector product.</summary>
/// <param name="Value">f(x).</param>
/// <param name="Gradients">df/dxi for each input, row-major.</param>
/// <param name="Products">(H x')i for each input, row-major.</param>
public sealed record HvpResult<T>(T Value, T[][] Gradients, T[][] Products)
    where T : unmanaged, IFloatingPointIeee754<T>;

/// <summary>
/// Hessian-vector products, forward over reverse: for a scalar f(x1, x2, ...) and a direction (x1', x2', ...),
/// <code>
/// (H x')i = sum over j of (d2f/dxi dxj) xj' = d/dt df/dxi (x + t x') at t = 0
/// </code>
/// that is, the tangents of the gradients when forward and backward pass run on dual numbers. Exact to rounding, at the cost of a few
/// gradients; the Hessian itself is never formed.
/// </summary>
public static class Hvp
{
    /// <summary>Value, gradient and Hessian-vector product of a function of tensors.</summary>
    /// <param name="backend">A backend that computes with dual numbers.</param>
    /// <param name="function">Gets the inputs as tensors of one tape and returns a scalar of that tape.</param>
    /// <param name="inputs">Where the derivatives are taken.</param>
    /// <param name="tangents">The direction: for each input as many numbers as it has.</param>
    /// <exception cref="ArgumentException">The tangents are not as many, or not as long, as the inputs.</exception>
    /// <exception cref="InvalidOperationException">The result is not a scalar or depends on no input.</exception>
    public static HvpResult<T> Of<T>(
        IDualBackend<T> backend, Func<Tensor<T>[], Tensor<T>> function, IReadOnlyList<HostTensor<T>> inputs, IReadOnlyList<T[]> tangents)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(function);
        using Leaves<T> leaves = Leaves<T>.Of(backend, inputs);
        return Of(backend, tape => function(leaves.Watch(tape)), leaves.Parameters, tangents);
    }

    /// <summary>Value, gradient and Hessian-vector product of a function of parameters, such as a module's loss.</summary>
    /// <param name="backend">The backend that the parameters live on.</param>
    /// <param name="function">Records the computation on the tape it gets and returns a scalar.</param>
    /// <param name="parameters">What the derivatives are taken by. Their gradients are zero afterwards.</param>
    /// <param name="tangents">The direction: for each parameter as many numbers as it has.</param>
    /// <exception cref="ArgumentException">The tangents are not as many, or not as long, as the parameters, or a parameter lives
    /// elsewhere.</exception>
    /// <exception cref="InvalidOperationException">The result is not a scalar or depends on no parameter.</exception>
    public static HvpResult<T> Of<T>(
        IDualBackend<T> backend, Func<Tape<T>, Tensor<T>> function, IReadOnlyList<Parameter<T>> parameters, IReadOnlyList<T[]> tangents)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(function);
        using TangentScope<T> scope = new(backend, "Hvp", parameters, tangents);
        using Tape<T> tape = new(backend);
        scope.ZeroGradients();
        Tensor<T> loss = function(tape);
        tape.Backward(loss);
        HvpResult<T> result = new(loss.Item(), new T[parameters.Count][], new T[parameters.Count][]);
        for (int i = 0; i < parameters.Count; i++)
        {
            result.Gradients[i] = parameters[i].GradientToArray();
            result.Products[i] = new T[parameters[i].Shape.ElementCount];
            backend.DownloadTangent(parameters[i].Gradient, result.Products[i]);
        }
        scope.ZeroGradients();
        return result;
    }
}
