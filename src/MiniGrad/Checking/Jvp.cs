using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>A function's value and its derivative along one direction.</summary>
/// <param name="Shape">The shape of both.</param>
/// <param name="Value">y = f(x), row-major.</param>
/// <param name="Tangent">y' = J x', row-major.</param>
public sealed record JvpResult<T>(Shape Shape, T[] Value, T[] Tangent)
    where T : unmanaged, IFloatingPointIeee754<T>;

/// <summary>
/// Jacobian-vector products by forward mode: for y = f(x1, x2, ...) and a direction (x1', x2', ...),
/// <code>
/// y' = sum over i of (dy/dxi) xi'
/// </code>
/// exact to rounding and in one run of f, whatever ops it is made of, since every kernel is read with dual numbers.
/// </summary>
/// <remarks>The twin of <see cref="Tape{T}.Backward(Tensor{T}, ReadOnlySpan{T})"/>, which gives w J for a cotangent w: w (J x') = (w J)
/// x'.</remarks>
public static class Jvp
{
    /// <summary>The value of a function of tensors and its derivative along <paramref name="tangents"/>.</summary>
    /// <param name="backend">A backend that computes with dual numbers.</param>
    /// <param name="function">Gets the inputs as tensors of one tape and returns a tensor of that tape.</param>
    /// <param name="inputs">Where the derivative is taken.</param>
    /// <param name="tangents">The direction: for each input as many numbers as it has.</param>
    /// <exception cref="ArgumentException">The tangents are not as many, or not as long, as the inputs.</exception>
    public static JvpResult<T> Of<T>(
        IDualBackend<T> backend, Func<Tensor<T>[], Tensor<T>> function, IReadOnlyList<HostTensor<T>> inputs, IReadOnlyList<T[]> tangents)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(function);
        using Leaves<T> leaves = Leaves<T>.Of(backend, inputs);
        return Of(backend, tape => function(leaves.Watch(tape)), leaves.Parameters, tangents);
    }

    /// <summary>The value of a function of parameters, such as a module's, and its derivative along <paramref name="tangents"/>.</summary>
    /// <param name="backend">The backend that the parameters live on.</param>
    /// <param name="function">Records the computation on the tape it gets.</param>
    /// <param name="parameters">What the derivative is taken by; other parameters are constants.</param>
    /// <param name="tangents">The direction: for each parameter as many numbers as it has.</param>
    /// <exception cref="ArgumentException">The tangents are not as many, or not as long, as the parameters, or a parameter lives
    /// elsewhere.</exception>
    public static JvpResult<T> Of<T>(
        IDualBackend<T> backend, Func<Tape<T>, Tensor<T>> function, IReadOnlyList<Parameter<T>> parameters, IReadOnlyList<T[]> tangents)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(function);
        using TangentScope<T> scope = new(backend, "Jvp", parameters, tangents);
        using Tape<T> tape = new(backend);
        using Tape<T>.PausedRecording paused = tape.Pause();
        Tensor<T> y = function(tape);
        T[] tangent = new T[y.Shape.ElementCount];
        backend.DownloadTangent(y.Value, tangent);
        return new JvpResult<T>(y.Shape, y.ToArray(), tangent);
    }
}
