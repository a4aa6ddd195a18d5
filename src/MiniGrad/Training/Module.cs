using System.Numerics;

namespace MiniGrad.Training;

/// <summary>Whether a layer is being trained or used; batch norm and dropout differ between the two.</summary>
public enum Phase
{
    /// <summary>Statistics come from the batch, and dropout drops.</summary>
    Training,

    /// <summary>Statistics are the running ones, and nothing is dropped.</summary>
    Evaluation,
}

/// <summary>
/// Owns parameters and other modules. Every parameter has a stable path, such as <c>hidden0.linear.weight</c>, in a fixed order.
/// </summary>
public abstract class Module<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly List<NamedParameter<T>> parameters = [];
    private readonly List<NamedParameter<T>> state = [];
    private readonly List<IDisposable> owned = [];

    /// <summary>What training changes, own and children's, in the order they were added.</summary>
    public IReadOnlyList<Parameter<T>> Parameters => [.. parameters.Select(named => named.Parameter)];

    /// <summary>What training changes, with paths.</summary>
    public IReadOnlyList<NamedParameter<T>> NamedParameters => parameters;

    /// <summary>What is kept beside the parameters and no optimizer touches, such as running statistics, with paths.</summary>
    public IReadOnlyList<NamedParameter<T>> NamedState => state;

    /// <summary>The number of trained numbers.</summary>
    public int ParameterCount => parameters.Sum(named => named.Parameter.Shape.ElementCount);

    /// <summary>Returns the memory of all parameters and state to the backend's pool.</summary>
    public void Dispose()
    {
        foreach (IDisposable item in owned)
        {
            item.Dispose();
        }
        owned.Clear();
        GC.SuppressFinalize(this);
    }

    /// <summary>Adds a trained parameter, which this module then owns.</summary>
    protected Parameter<T> Add(Parameter<T> parameter)
    {
        parameters.Add(new(parameter.Name, parameter));
        owned.Add(parameter);
        return parameter;
    }

    /// <summary>Adds a value that is kept but not trained, which this module then owns.</summary>
    protected Parameter<T> AddState(Parameter<T> value)
    {
        state.Add(new(value.Name, value));
        owned.Add(value);
        return value;
    }

    /// <summary>Adds a child under a name; its parameters become this module's.</summary>
    protected TModule Add<TModule>(string name, TModule child)
        where TModule : Module<T>
    {
        parameters.AddRange(child.NamedParameters.Select(named => named with { Path = $"{name}.{named.Path}" }));
        state.AddRange(child.NamedState.Select(named => named with { Path = $"{name}.{named.Path}" }));
        owned.Add(child);
        return child;
    }
}

/// <summary>A parameter and where it is in a module.</summary>
/// <param name="Path">Names from the outermost module in, joined by dots.</param>
/// <param name="Parameter">The parameter.</param>
public readonly record struct NamedParameter<T>(string Path, Parameter<T> Parameter)
    where T : unmanaged, IFloatingPointIeee754<T>;
