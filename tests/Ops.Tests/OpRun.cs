using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops.Tests;

/// <summary>What an op case gives on a backend: the result and, for a random cotangent, the gradient by every input.</summary>
internal sealed record OpRun<T>(T[] Y, T[][] Gradients)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static OpRun<T> Of(OpCase op, IBackend<T> backend, IReadOnlyList<Shape>? shapes = null)
    {
        shapes ??= op.Shapes;
        using Tape<T> tape = new(backend);
        Tensor<T>[] inputs = [.. op.Inputs<T>(shapes).Select((x, i) => tape.Variable(x, shapes[i]))];
        Tensor<T> y = op.Invoke(inputs);
        Random random = new(2);
        T[] cotangent = [.. Enumerable.Range(0, y.Shape.ElementCount).Select(_ => T.CreateChecked((float)((2 * random.NextDouble()) - 1)))];
        tape.Backward(y, cotangent);
        return new OpRun<T>(y.ToArray(), [.. inputs.Select(x => x.GradientToArray())]);
    }

    /// <summary>The result, then the gradients, with a name for messages.</summary>
    public IEnumerable<(string Name, T[] Values)> Arrays => [("y", Y), .. Gradients.Select((g, i) => ($"gradient {i}", g))];
}
