using System.Numerics;

namespace MiniGrad.Training;

/// <summary>Changes parameters along their gradients, one <see cref="Step"/> at a time.</summary>
/// <param name="parameters">What is trained, in a fixed order.</param>
public abstract class Optimizer<T>(IReadOnlyList<Parameter<T>> parameters) : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>What is trained.</summary>
    public IReadOnlyList<Parameter<T>> Parameters { get; } = parameters;

    /// <summary>The step size; schedules change it between steps.</summary>
    public double LearningRate { get; set; }

    /// <summary>How many steps were taken.</summary>
    public long StepCount { get; protected set; }

    /// <summary>Updates every parameter that has a gradient.</summary>
    public abstract void Step();

    /// <summary>Makes every gradient zero, for the next backward pass to assign.</summary>
    public void ZeroGradients()
    {
        for (int i = 0; i < Parameters.Count; i++)
        {
            Parameters[i].ZeroGradient();
        }
    }

    /// <summary>Returns the optimizer's state to the backend's pool.</summary>
    public abstract void Dispose();
}
