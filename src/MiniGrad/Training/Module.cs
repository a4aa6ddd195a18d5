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
    private readonly List<NamedParameter<T>> namedParameters = [];
    private readonly List<NamedParameter<T>> namedState = [];
    private readonly List<Parameter<T>> parameters = [];
    private readonly List<IDisposable> owned = [];
    private readonly HashSet<string> names = [];
    private bool isPart;

    /// <summary>What training changes, own and children's, in the order they were added.</summary>
    public IReadOnlyList<Parameter<T>> Parameters => parameters;

    /// <summary>What training changes, with paths.</summary>
    public IReadOnlyList<NamedParameter<T>> NamedParameters => namedParameters;

    /// <summary>What is kept beside the parameters and no optimizer touches, such as running statistics, with paths.</summary>
    public IReadOnlyList<NamedParameter<T>> NamedState => namedState;

    /// <summary>The number of trained numbers.</summary>
    public int ParameterCount => parameters.Sum(parameter => parameter.Shape.ElementCount);

    /// <summary>Copies all values, of parameters and state, from a module of the same structure; gradients are left alone.</summary>
    /// <exception cref="ArgumentException">The paths or shapes of the two modules differ.</exception>
    public void CopyFrom(Module<T> other)
    {
        ArgumentNullException.ThrowIfNull(other);
        RequireAlike(namedParameters, other.namedParameters);
        RequireAlike(namedState, other.namedState);
        IEnumerable<NamedParameter<T>> all = namedParameters.Concat(namedState), others = other.namedParameters.Concat(other.namedState);
        foreach ((NamedParameter<T> to, NamedParameter<T> from) in all.Zip(others))
        {
            to.Parameter.Set(from.Parameter.ToArray());
        }
    }

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
    /// <exception cref="InvalidOperationException">The name is taken, or this module is already part of another.</exception>
    protected Parameter<T> Add(Parameter<T> parameter)
    {
        Own(parameter.Name, parameter);
        parameters.Add(parameter);
        namedParameters.Add(new(parameter.Name, parameter));
        return parameter;
    }

    /// <summary>Adds a value that is kept but not trained, which this module then owns.</summary>
    /// <exception cref="InvalidOperationException">The name is taken, or this module is already part of another.</exception>
    protected Parameter<T> AddState(Parameter<T> value)
    {
        Own(value.Name, value);
        namedState.Add(new(value.Name, value));
        return value;
    }

    /// <summary>Adds a child, complete with its parameters, under a name; its parameters become this module's.</summary>
    /// <exception cref="InvalidOperationException">The name is taken, or the child or this module is already part of another.</exception>
    protected TModule Add<TModule>(string name, TModule child)
        where TModule : Module<T>
    {
        if (child.isPart)
        {
            throw new InvalidOperationException($"The module to be added as '{name}' is already part of another: make one for each place.");
        }
        Own(name, child);
        child.isPart = true;
        foreach ((string path, Parameter<T> parameter) in child.namedParameters.Concat(child.namedState))
        {
            parameter.Path = $"{name}.{path}";
        }
        parameters.AddRange(child.parameters);
        namedParameters.AddRange(child.namedParameters.Select(named => named with { Path = named.Parameter.Path }));
        namedState.AddRange(child.namedState.Select(named => named with { Path = named.Parameter.Path }));
        return child;
    }

    // A parent has the list of its child's parameters, so the child must be complete before it is added.
    private void Own(string name, IDisposable item)
    {
        if (isPart)
        {
            throw new InvalidOperationException($"'{name}' is added to a module that is already part of another: add it before.");
        }
        if (name.Contains('.', StringComparison.Ordinal) || !names.Add(name))
        {
            throw new InvalidOperationException($"The name '{name}' is taken in this module, or has a dot: paths must be unique.");
        }
        owned.Add(item);
    }

    private static void RequireAlike(List<NamedParameter<T>> to, List<NamedParameter<T>> from)
    {
        for (int i = 0; i < Math.Max(to.Count, from.Count); i++)
        {
            string here = i < to.Count ? to[i].ToString() : "missing", there = i < from.Count ? from[i].ToString() : "missing";
            if (here != there)
            {
                throw new ArgumentException($"CopyFrom: number {i} is {here} here and {there} there: build both modules alike.");
            }
        }
    }
}

/// <summary>A parameter and where it is in a module.</summary>
/// <param name="Path">Names from the outermost module in, joined by dots.</param>
/// <param name="Parameter">The parameter.</param>
public readonly record struct NamedParameter<T>(string Path, Parameter<T> Parameter)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The path and the shape.</summary>
    public override string ToString() => $"{Path} {Parameter.Shape}";
}
