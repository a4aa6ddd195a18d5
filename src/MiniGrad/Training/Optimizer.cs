using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Training;

/// <summary>Changes parameters along their gradients, one <see cref="Step"/> at a time.</summary>
/// <remarks>
/// A kind of optimizer is an <see cref="IUpdateRule{T}"/>, the formula for one element, and the host's arithmetic before it. Rates are
/// computed in double and rounded once, whatever T is. Formulas are libtorch's, so that results can be compared.
/// </remarks>
public abstract class Optimizer<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Parameter<T>[] parameters;
    private readonly long[] steps;
    private readonly UpdateCall<T>[] calls;
    private string[] stateNames = [];
    private DeviceBlock[] blocks = [];
    private double learningRate;
    private bool fusesProducts, disposed;

    /// <param name="parameters">What is trained, in a fixed order.</param>
    /// <param name="learningRate">The step size, above 0.</param>
    /// <exception cref="ArgumentException">A parameter is given twice.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="learningRate"/> is not above 0.</exception>
    protected Optimizer(IReadOnlyList<Parameter<T>> parameters, double learningRate)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        this.parameters = [.. parameters];
        this.learningRate = HyperParameter.Positive(learningRate);
        steps = new long[this.parameters.Length];
        calls = new UpdateCall<T>[this.parameters.Length];
        HashSet<Parameter<T>> seen = [];
        foreach (Parameter<T> parameter in this.parameters)
        {
            if (!seen.Add(parameter))
            {
                throw new ArgumentException(
                    $"The parameter {parameter} is given twice, so each step would change it twice: list it once.", nameof(parameters));
            }
        }
    }

    /// <summary>What is trained.</summary>
    public IReadOnlyList<Parameter<T>> Parameters => parameters;

    /// <summary>The step size; schedules (<see cref="Schedules"/>) change it between steps, and may end at 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or not finite.</exception>
    public double LearningRate
    {
        get => learningRate;
        set => learningRate = HyperParameter.NotNegative(value, nameof(LearningRate));
    }

    /// <summary>
    /// Whether a linear layer's weight gradient, where a batch is so small that it takes longer to store than to compute, is computed
    /// during the update instead of before it. Results are the same to the last bit; gradients that are read, as for clipping, are computed
    /// then. After the step, those that depend on the value too (weight norm's) are gone until they are zeroed. False unless set.
    /// </summary>
    public bool FusesProducts
    {
        get => fusesProducts;
        set
        {
            fusesProducts = value;
            foreach (Parameter<T> parameter in parameters)
            {
                parameter.DefersProducts = value && parameter.Backend.FusesProducts;
            }
        }
    }

    /// <summary>How many steps were taken.</summary>
    public long StepCount { get; set; }

    /// <summary>
    /// How many steps each parameter took, in their order: fewer than <see cref="StepCount"/> if it had no gradient at times. Writable, for
    /// checkpoints.
    /// </summary>
    public Span<long> StepsOfParameters => steps;

    /// <summary>
    /// What the rule keeps, to save and restore: the number of the parameter and the name of the state, such as <c>3.momentum</c>.
    /// </summary>
    public IEnumerable<(string Name, DeviceBuffer<T> Buffer)> NamedState
    {
        get
        {
            for (int i = 0; i < blocks.Length; i++)
            {
                yield return ($"{i / stateNames.Length}.{stateNames[i % stateNames.Length]}", View(i));
            }
        }
    }

    /// <summary>
    /// Updates every parameter that has a gradient, all in one call of the backend unless some took fewer steps; the others, and their
    /// state, stay as they are.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The optimizer or a parameter is disposed.</exception>
    public void Step()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        StepCount++;
        int first = 0, count = 0;
        for (int i = 0; i < parameters.Length; i++)
        {
            if (!parameters[i].HasGradient)
            {
                continue;
            }
            steps[i]++;
            if (count > 0 && (parameters[i].Backend != parameters[first].Backend || steps[i] != steps[first]))
            {
                Update(parameters[first].Backend, calls.AsSpan(0, count), steps[first]);
                count = 0;
            }
            if (count == 0)
            {
                first = i;
            }
            calls[count++] = CallFor(i);
        }
        if (count > 0)
        {
            Update(parameters[first].Backend, calls.AsSpan(0, count), steps[first]);
        }
    }

    /// <summary>Makes every gradient zero, for the next backward pass to assign.</summary>
    public void ZeroGradients()
    {
        foreach (Parameter<T> parameter in parameters)
        {
            parameter.ZeroGradient();
        }
    }

    /// <summary>Returns the optimizer's state to the backend's pool.</summary>
    public void Dispose()
    {
        for (int i = 0; i < blocks.Length && !disposed; i++)
        {
            parameters[i / stateNames.Length].Backend.Pool.Return(blocks[i]);
        }
        disposed = true;
        GC.SuppressFinalize(this);
    }

    /// <summary>Rents the rule's state and fills it with zeros. Constructors call it last, when nothing can fail any more.</summary>
    /// <param name="names">What the rule keeps for each parameter: one name for each array of the parameter's size, at most two.</param>
    protected void RentState(params ReadOnlySpan<string> names)
    {
        stateNames = [.. names];
        blocks = new DeviceBlock[parameters.Length * names.Length];
        for (int i = 0; i < blocks.Length; i++)
        {
            Parameter<T> parameter = parameters[i / names.Length];
            blocks[i] = parameter.Backend.Pool.Rent((long)parameter.Shape.ElementCount * Unsafe.SizeOf<T>());
            parameter.Backend.Fill(View(i), T.Zero);
        }
    }

    /// <summary>Runs the rule for parameters of one backend.</summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="calls">Their values, gradients and states.</param>
    /// <param name="step">Which of their own steps this is, from 1.</param>
    protected abstract void Update(IBackend<T> backend, ReadOnlySpan<UpdateCall<T>> calls, long step);

    private UpdateCall<T> CallFor(int parameter)
    {
        int state = parameter * stateNames.Length;
        (DeviceBuffer<T> gradient, OuterProducts<T> product) = parameters[parameter].GradientForUpdate();
        return new UpdateCall<T>(
            parameters[parameter].Value, gradient,
            stateNames.Length > 0 ? View(state) : default, stateNames.Length > 1 ? View(state + 1) : default)
        {
            Product = product,
        };
    }

    private DeviceBuffer<T> View(int block) => blocks[block].View<T>(parameters[block / stateNames.Length].Shape.ElementCount);
}
