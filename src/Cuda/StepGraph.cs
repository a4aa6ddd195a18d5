using MiniGrad.Backends;

namespace MiniGrad.Cuda;

/// <summary>
/// Holds back what a training step queues until the step ends or waits for a number, and launches it as a graph if it repeats.
/// </summary>
/// <remarks>
/// <para>The C# of a step runs every time, which costs little; its commands are only compared with those of the step before. Numbers that
/// change from step to step, such as the corrected rate of Adam or the state of a dropout mask, are arguments of kernels: the driver is
/// told the new ones for those nodes, which are one for an optimizer and one for each mask. In device memory they would cost a copy in
/// every step and a load in every thread. If anything else differs (a shape, the address of a matrix, a command), all of it is queued one
/// by one and learned anew. So results never depend on this class.</para>
/// <para>A step that waits in the middle, as clipping does for the length of the gradient, has a graph before and one after.</para>
/// </remarks>
internal sealed class StepGraph(CudaDevice device, CudaAllocator allocator, BufferPool pool) : IDisposable
{
    private readonly List<StepSegment> segments = [];
    private Scope? scope;
    private int current;
    private bool whole;

    /// <summary>Whether commands come here instead of into the stream.</summary>
    public bool IsActive { get; private set; }

    /// <summary>How many steps were launched as graphs.</summary>
    public long Launches { get; private set; }

    /// <summary>What holds back the commands of now.</summary>
    public StepSegment Segment => segments[current];

    /// <summary>Begins a step; disposing the result ends it.</summary>
    /// <exception cref="InvalidOperationException">The step before has not ended.</exception>
    public IDisposable Begin()
    {
        if (IsActive)
        {
            throw new InvalidOperationException("A training step began inside another: dispose what BeginStep returned first.");
        }
        pool.Sort(); // A step that rents what the one before rented then gets the same addresses.
        (current, whole, IsActive) = (-1, true, true);
        BeginSegment();
        return scope ??= new Scope(this);
    }

    /// <summary>Launches what was held back, since the host waits for it or gives memory back to the driver.</summary>
    public void Flush()
    {
        if (IsActive)
        {
            EndSegment();
            IsActive = true;
            BeginSegment();
        }
    }

    /// <summary>Forgets all graphs.</summary>
    public void Dispose()
    {
        IsActive = false;
        foreach (StepSegment segment in segments)
        {
            segment.Dispose();
        }
        segments.Clear();
    }

    /// <summary>Ends the step: all of it is queued when this returns.</summary>
    private void End()
    {
        if (IsActive)
        {
            EndSegment();
            Launches += whole ? 1 : 0;
        }
    }

    private void BeginSegment()
    {
        current++;
        if (current == segments.Count)
        {
            segments.Add(new StepSegment(device, allocator));
        }
        Segment.Begin();
    }

    private void EndSegment()
    {
        IsActive = false; // What the segment issues goes into the stream.
        try
        {
            whole &= Segment.End();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A step that has begun.</summary>
    private sealed class Scope(StepGraph steps) : IDisposable
    {
        public void Dispose() => steps.End();
    }
}
