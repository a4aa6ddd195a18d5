using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad;

/// <summary>
/// A function under check: what it is differentiated by (a module's parameters and the inputs), and how to run it. Everything that it
/// changes is put back bit for bit when it is disposed.
/// </summary>
internal sealed class GradCheckSubject<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Func<Tape<T>, Tensor<T>[], IReadOnlyList<Tensor<T>>> record;
    private readonly Leaves<T> inputs;
    private readonly List<Leaf> leaves = [];
    private readonly List<(Parameter<T> Value, T[] Saved)> state = [];
    private readonly Tape<T> tape;
    private T[][] cotangents = [];

    public GradCheckSubject(
        IBackend<T> backend, Module<T>? module, IReadOnlyList<HostTensor<T>> inputs,
        Func<Tape<T>, Tensor<T>[], IReadOnlyList<Tensor<T>>> record)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(record);
        Backend = backend;
        this.record = record;
        foreach (NamedParameter<T> named in module?.NamedParameters ?? [])
        {
            if (named.Parameter.Backend != backend)
            {
                throw new ArgumentException(
                    $"GradCheck: parameter '{named.Path}' lives on another backend than the check; pass the module's own.");
            }
            if (!leaves.Exists(leaf => leaf.Parameter == named.Parameter))
            {
                leaves.Add(new Leaf(named.Path, named.Parameter));
            }
        }
        foreach (NamedParameter<T> named in module?.NamedState ?? [])
        {
            state.Add((named.Parameter, named.Parameter.ToArray()));
        }
        this.inputs = Leaves<T>.Of(backend, inputs);
        foreach (Parameter<T> input in this.inputs.Parameters)
        {
            leaves.Add(new Leaf(input.Name, input));
        }
        tape = new Tape<T>(backend);
    }

    public IBackend<T> Backend { get; }

    /// <summary>The module's parameters, then the inputs.</summary>
    public IReadOnlyList<Leaf> Differentiated => leaves;

    /// <summary>All outputs, one after the other, without recording.</summary>
    public double[] Outputs()
    {
        Start();
        using Tape<T>.PausedRecording paused = tape.Pause();
        return Flatten(record(tape, inputs.Watch(tape)));
    }

    /// <summary>Chooses random cotangents, between 0.5 and 1.5 in size and of either sign, for outputs of the present sizes.</summary>
    public void ChooseCotangents(Random random)
    {
        Start();
        using Tape<T>.PausedRecording paused = tape.Pause();
        IReadOnlyList<Tensor<T>> outputs = record(tape, inputs.Watch(tape));
        cotangents = new T[outputs.Count][];
        for (int k = 0; k < cotangents.Length; k++)
        {
            cotangents[k] = new T[outputs[k].Shape.ElementCount];
            for (int i = 0; i < cotangents[k].Length; i++)
            {
                cotangents[k][i] = T.CreateChecked((float)((random.NextDouble() + 0.5) * (random.Next(2) == 0 ? 1 : -1)));
            }
        }
    }

    /// <summary>The cotangents of another run of the same function.</summary>
    public void TakeCotangents(GradCheckSubject<T> other) => cotangents = other.cotangents;

    /// <summary>Sum of cotangent (a - b): the differences are taken in double, element by element, before they are added.</summary>
    public double Difference(double[] a, double[] b)
    {
        double sum = 0;
        int at = 0;
        foreach (T[] cotangent in cotangents)
        {
            foreach (T weight in cotangent)
            {
                sum += double.CreateChecked(weight) * (a[at] - b[at]);
                at++;
            }
        }
        return sum;
    }

    /// <summary>The root of the sum of (cotangent y)^2: how large the rounding of the outputs is, in units of the precision.</summary>
    public double Scale(double[] y)
    {
        double squares = 0;
        int at = 0;
        foreach (T[] cotangent in cotangents)
        {
            foreach (T weight in cotangent)
            {
                double term = double.CreateChecked(weight) * y[at++];
                squares += term * term;
            }
        }
        return Math.Sqrt(squares);
    }

    /// <summary>
    /// Runs forward and backward. An output that depends on nothing differentiated contributes zero, which the differences then judge.
    /// </summary>
    public T[][] Gradients()
    {
        Backward();
        return leaves.ConvertAll(leaf => leaf.Parameter.GradientToArray()).ToArray();
    }

    /// <summary>On dual numbers, along a direction: cotangent (J x'), the gradients, and their tangents.</summary>
    public (double Jvp, T[][] Gradients, T[][] Tangents) SecondOrder(IDualBackend<T> dual, IReadOnlyList<T[]> direction)
    {
        using TangentScope<T> scope = new(dual, "GradCheck", leaves.ConvertAll(leaf => leaf.Parameter), direction);
        IReadOnlyList<Tensor<T>> outputs = Backward();
        double jvp = 0;
        for (int k = 0; k < outputs.Count; k++)
        {
            T[] tangent = new T[outputs[k].Shape.ElementCount];
            dual.DownloadTangent(outputs[k].Value, tangent);
            jvp += Dot(cotangents[k], tangent);
        }
        T[][] tangents = leaves.ConvertAll(leaf => new T[leaf.Values.Length]).ToArray();
        T[][] gradients = leaves.ConvertAll(leaf => leaf.Parameter.GradientToArray()).ToArray();
        for (int i = 0; i < tangents.Length; i++)
        {
            dual.DownloadTangent(leaves[i].Parameter.Gradient, tangents[i]);
        }
        return (jvp, gradients, tangents);
    }

    public static double Dot(T[] a, T[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += double.CreateChecked(a[i]) * double.CreateChecked(b[i]);
        }
        return sum;
    }

    public void Dispose()
    {
        tape.Dispose();
        foreach (Leaf leaf in leaves)
        {
            leaf.Restore();
        }
        RestoreState();
        inputs.Dispose();
    }

    private IReadOnlyList<Tensor<T>> Backward()
    {
        Start();
        foreach (Leaf leaf in leaves)
        {
            leaf.Parameter.ZeroGradient();
        }
        IReadOnlyList<Tensor<T>> outputs = record(tape, inputs.Watch(tape));
        bool any = false;
        for (int k = 0; k < outputs.Count; k++)
        {
            if (outputs[k].NeedsGradient)
            {
                tape.Backward(outputs[k], cotangents[k]);
                any = true;
            }
        }
        return any ? outputs : throw new InvalidOperationException(
            "GradCheck: no output depends on a parameter or input that needs a gradient, so there is nothing to check. " +
            "Compute the outputs from the tensors passed in, and watch parameters on their tape.");
    }

    private void Start()
    {
        tape.Reset();
        RestoreState();
    }

    private void RestoreState()
    {
        foreach ((Parameter<T> value, T[] saved) in state)
        {
            value.Set(saved);
        }
    }

    private static double[] Flatten(IReadOnlyList<Tensor<T>> outputs)
    {
        List<double> all = [];
        for (int k = 0; k < outputs.Count; k++)
        {
            foreach (T value in outputs[k].ToArray())
            {
                all.Add(double.CreateChecked(value));
            }
        }
        return [.. all];
    }

    /// <summary>A parameter or input, with its values before the check.</summary>
    internal sealed class Leaf(string name, Parameter<T> parameter)
    {
        private readonly T[]? gradient = parameter.HasGradient ? parameter.GradientToArray() : null;

        public string Name { get; } = name;

        public Parameter<T> Parameter { get; } = parameter;

        public T[] Values { get; } = parameter.ToArray();

        public void Restore()
        {
            Parameter.Set(Values);
            Parameter.ZeroGradient();
            if (gradient is not null)
            {
                Parameter.Backend.Upload<T>(gradient, Parameter.TakeSink().Buffer);
            }
        }
    }
}
