using System.Numerics;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>
/// What a step queues up to a point where the host waits for a number. It is held back until then; if it is the same for the third time, it
/// is captured as a graph, and from then on launched as a whole.
/// </summary>
internal sealed unsafe class StepSegment(CudaDevice device, CudaAllocator allocator) : IDisposable
{
    private const int WarmUps = 2; // A library may load and allocate on first use, which a capture forbids.

    private readonly List<StepCommand> commands = [];
    private readonly StepData data = new(device, allocator);
    private nint graph, executable;
    private int next, repeats;

    /// <summary>Starts to compare what is queued with what was queued last time.</summary>
    public void Begin()
    {
        next = 0;
        data.Begin();
    }

    public void Launch(in Kernel kernel, uint blocks, uint threads, ReadOnlySpan<byte> arguments)
    {
        if (Next() is KernelCommand command && command.Takes(kernel, blocks, threads, arguments))
        {
            next++;
            return;
        }
        Add(new KernelCommand(kernel, blocks, threads, arguments));
    }

    public void Multiply<T>(CudaGemm<T> gemm, in Product<T> product)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (Next() is ProductCommand<T> command && command.Product == product)
        {
            next++;
            return;
        }
        Add(new ProductCommand<T>(gemm, product));
    }

    public void Upload(ReadOnlySpan<byte> host, nint to)
    {
        int offset = data.Add(host);
        if (Next() is UploadCommand command && command.Takes(host.Length, to))
        {
            next++;
            return;
        }
        Add(new UploadCommand(data, offset, host.Length, to));
    }

    /// <summary>Launches what was held back.</summary>
    /// <returns>Whether as a graph; also if there was nothing.</returns>
    public bool End()
    {
        if (next < commands.Count)
        {
            CutOff();
        }
        if (next == 0)
        {
            return true;
        }
        data.Send();
        if (executable == 0 && repeats++ < WarmUps)
        {
            foreach (StepCommand command in commands)
            {
                command.Issue(device);
            }
            return false;
        }
        if (executable == 0)
        {
            Capture();
        }
        foreach (StepCommand command in commands)
        {
            command.Renew(executable);
        }
        CudaError.Check(Driver.cuGraphLaunch(executable, device.Stream.Raw), nameof(Driver.cuGraphLaunch));
        return true;
    }

    public void Dispose()
    {
        Forget();
        data.Dispose();
    }

    private StepCommand? Next() => next < commands.Count ? commands[next] : null;

    private void Add(StepCommand command)
    {
        CutOff();
        commands.Add(command);
        next++;
    }

    /// <summary>From here on, the step is not what it was.</summary>
    private void CutOff()
    {
        commands.RemoveRange(next, commands.Count - next);
        Forget();
    }

    private void Capture()
    {
        CudaError.Check(
            Driver.cuStreamBeginCapture_v2(device.Stream.Raw, Driver.CaptureThreadLocal), nameof(Driver.cuStreamBeginCapture_v2));
        nint captured = 0, made;
        int code;
        try
        {
            foreach (StepCommand command in commands)
            {
                command.Issue(device);
                if (command is KernelCommand kernel)
                {
                    kernel.Node = LastNode();
                }
            }
        }
        finally
        {
            code = Driver.cuStreamEndCapture(device.Stream.Raw, &captured);
            graph = captured;
        }
        CudaError.Check(code, nameof(Driver.cuStreamEndCapture));
        CudaError.Check(Driver.cuGraphInstantiateWithFlags(&made, graph, 0), nameof(Driver.cuGraphInstantiateWithFlags));
        executable = made;
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

    // A graph in flight is freed when it is done.
    private void Forget()
    {
        _ = executable == 0 ? 0 : Driver.cuGraphExecDestroy(executable);
        _ = graph == 0 ? 0 : Driver.cuGraphDestroy(graph);
        (executable, graph, repeats) = (0, 0, 0);
    }
}
