using MiniGrad.Backends;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>
/// Runs the steps of a training loop as one launch each. The first two steps queue their work one by one; the third is captured as a graph.
/// From then on a step's commands are only compared with those of the graph, which is launched at the end.
/// </summary>
/// <remarks>
/// Numbers that change from step to step, such as the corrected rate of Adam or the state of a dropout mask, are arguments of kernels: where
/// they differ, the graph's node gets the new ones. If anything else differs (a shape, an address, a command), or the step waits for a
/// result, all of it is queued one by one after all, in order, and the next steps are learned anew. So results never depend on this class.
/// </remarks>
public sealed unsafe class StepGraph : IDisposable
{
    private const int WarmUps = 2;

    private readonly CudaDevice device;
    private readonly BufferPool pool;
    private readonly List<StepCommand> commands = [];
    private readonly EventHandle launched;
    private Mode mode;
    private nint graph, executable;
    private int steps, next;

    internal StepGraph(CudaDevice device, BufferPool pool)
    {
        (this.device, this.pool) = (device, pool);
        device.MakeCurrent();
        launched = new EventHandle(device.Context);
        device.Steps = this;
    }

    private enum Mode
    {
        Plain,
        Recording,
        Following,
    }

    /// <summary>How many steps were launched as a graph.</summary>
    public long Replays { get; private set; }

    internal bool IsActive => mode != Mode.Plain;

    /// <summary>Runs a step. What it queues may be launched only when it returns; a wait for a result inside it works, but is slow.</summary>
    public void Run(Action step)
    {
        ArgumentNullException.ThrowIfNull(step);
        device.MakeCurrent();
        Begin();
        try
        {
            step();
            End();
        }
        catch
        {
            Forget();
            throw;
        }
    }

    /// <summary>Forgets the graph; the backend goes on without.</summary>
    public void Dispose()
    {
        Forget();
        launched.Dispose();
        device.Steps = null;
    }

    internal void Launch(in Kernel kernel, uint blocks, uint threads, ReadOnlySpan<byte> arguments)
    {
        if (mode == Mode.Following && Next() is KernelCommand command && command.Takes(kernel, blocks, threads, arguments))
        {
            next++;
            return;
        }
        Add(new KernelCommand(kernel, blocks, threads, arguments));
    }

    internal void Multiply<T>(CudaGemm<T> gemm, in Product<T> product)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        if (mode == Mode.Following && Next() is ProductCommand<T> command && command.Product == product)
        {
            next++;
            return;
        }
        Add(new ProductCommand<T>(gemm, product));
    }

    internal void Upload(ReadOnlySpan<byte> host, nint to)
    {
        if (mode == Mode.Following && Next() is UploadCommand command && command.To == to && command.Memory.Bytes == host.Length)
        {
            launched.Synchronize(); // Until the launch before has read it.
            host.CopyTo(command.Memory.Span);
            next++;
            return;
        }
        UploadCommand added = new(new PinnedMemory(device.Context, Math.Max(1, host.Length)), to);
        host.CopyTo(added.Memory.Span);
        Add(added);
    }

    /// <summary>Queues what was put off, and goes on one by one.</summary>
    internal void Interrupt()
    {
        if (mode == Mode.Plain)
        {
            return;
        }
        int count = mode == Mode.Recording ? commands.Count : next;
        StopCapture();
        mode = Mode.Plain;
        for (int i = 0; i < count; i++)
        {
            commands[i].Issue(device);
        }
        Forget();
    }

    private void Begin()
    {
        next = 0;
        pool.Sort(); // A step that rents what the one before rented then gets the same addresses.
        if (executable != 0)
        {
            mode = Mode.Following;
        }
        else if (steps >= WarmUps)
        {
            CudaError.Check(
                Driver.cuStreamBeginCapture_v2(device.Stream.Raw, Driver.CaptureThreadLocal), nameof(Driver.cuStreamBeginCapture_v2));
            mode = Mode.Recording;
        }
    }

    private void End()
    {
        steps++;
        if (mode == Mode.Plain)
        {
            return;
        }
        if (mode == Mode.Following && next < commands.Count)
        {
            Interrupt(); // The step did less than the one recorded.
            return;
        }
        if (mode == Mode.Recording)
        {
            StopCapture();
            nint made;
            CudaError.Check(Driver.cuGraphInstantiateWithFlags(&made, graph, 0), nameof(Driver.cuGraphInstantiateWithFlags));
            executable = made;
        }
        foreach (StepCommand command in commands)
        {
            command.Renew(executable);
        }
        mode = Mode.Plain;
        CudaError.Check(Driver.cuGraphLaunch(executable, device.Stream.Raw), nameof(Driver.cuGraphLaunch));
        launched.Record(device.Stream);
        Replays++;
    }

    private StepCommand? Next() => next < commands.Count ? commands[next] : null;

    /// <summary>Records the command; or, if the step has left the path of the graph, queues it and all before.</summary>
    private void Add(StepCommand command)
    {
        if (mode == Mode.Recording)
        {
            commands.Add(command);
            command.Issue(device);
            command.Node = LastNode();
            return;
        }
        Interrupt();
        command.Issue(device);
        (command as UploadCommand)?.Finish(device);
    }

    private nint LastNode()
    {
        int status;
        ulong number;
        nint captured;
        nint* dependencies;
        nuint count;
        CudaError.Check(
            Driver.cuStreamGetCaptureInfo_v2(device.Stream.Raw, &status, &number, &captured, &dependencies, &count),
            nameof(Driver.cuStreamGetCaptureInfo_v2));
        return count > 0 ? dependencies[0] : 0;
    }

    private void StopCapture()
    {
        if (mode == Mode.Recording)
        {
            nint captured;
            CudaError.Check(Driver.cuStreamEndCapture(device.Stream.Raw, &captured), nameof(Driver.cuStreamEndCapture));
            (graph, mode) = (captured, Mode.Plain);
        }
    }

    private void Forget()
    {
        if (mode == Mode.Recording)
        {
            nint captured = 0;
            _ = Driver.cuStreamEndCapture(device.Stream.Raw, &captured);
            graph = captured;
        }
        mode = Mode.Plain;
        _ = Driver.cuStreamSynchronize(device.Stream.Raw); // Uploads may still be reading their memory.
        _ = executable == 0 ? 0 : Driver.cuGraphExecDestroy(executable);
        _ = graph == 0 ? 0 : Driver.cuGraphDestroy(graph);
        (executable, graph, steps, next) = (0, 0, 0, 0);
        foreach (StepCommand command in commands)
        {
            command.Dispose();
        }
        commands.Clear();
    }
}
