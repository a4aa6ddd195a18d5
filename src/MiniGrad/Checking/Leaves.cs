using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>Inputs of a function as parameters, so that inputs and a module's parameters are differentiated alike.</summary>
internal sealed class Leaves<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Parameter<T>[] parameters;

    private Leaves(Parameter<T>[] parameters) => this.parameters = parameters;

    public IReadOnlyList<Parameter<T>> Parameters => parameters;

    public static Leaves<T> Of(IBackend<T> backend, IReadOnlyList<HostTensor<T>> inputs)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(inputs);
        Parameter<T>[] parameters = new Parameter<T>[inputs.Count];
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters[i] = new Parameter<T>(backend, inputs[i].Name, inputs[i].Shape);
            parameters[i].Set(inputs[i].Values);
        }
        return new Leaves<T>(parameters);
    }

    public Tensor<T>[] Watch(Tape<T> tape) => Array.ConvertAll(parameters, tape.Watch);

    public void Dispose()
    {
        foreach (Parameter<T> parameter in parameters)
        {
            parameter.Dispose();
        }
    }
}

/// <summary>The stretch in which parameters have tangents; disposing it makes the tangents zero again.</summary>
internal readonly struct TangentScope<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly IDualBackend<T> backend;
    private readonly IReadOnlyList<Parameter<T>> parameters;

    public TangentScope(IDualBackend<T> backend, string caller, IReadOnlyList<Parameter<T>> parameters, IReadOnlyList<T[]> tangents)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(tangents);
        (this.backend, this.parameters) = (backend, parameters);
        if (parameters.Count != tangents.Count)
        {
            throw new ArgumentException(
                $"{caller}: there are {parameters.Count} inputs but {tangents.Count} tangents; give one tangent for each input.");
        }
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i].Backend != backend)
            {
                throw new ArgumentException(
                    $"{caller}: parameter '{parameters[i].Name}' lives on another backend; make its module with the dual backend.");
            }
            if (tangents[i].Length != parameters[i].Shape.ElementCount)
            {
                throw new ArgumentException(
                    $"{caller}: the tangent of '{parameters[i].Name}' has {tangents[i].Length} numbers, " +
                    $"but shape {parameters[i].Shape} has {parameters[i].Shape.ElementCount}.");
            }
        }
        for (int i = 0; i < parameters.Count; i++)
        {
            backend.UploadTangent(tangents[i], parameters[i].Value);
        }
    }

    public void ZeroGradients()
    {
        for (int i = 0; i < parameters.Count; i++)
        {
            parameters[i].ZeroGradient();
        }
    }

    public void Dispose()
    {
        for (int i = 0; i < parameters.Count; i++)
        {
            backend.UploadTangent(new T[parameters[i].Shape.ElementCount], parameters[i].Value);
        }
    }
}
