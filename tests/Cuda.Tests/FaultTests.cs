using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Cuda.Tests;

/// <summary>Every call into CUDA fails once: the error names the call and the code, nothing leaks, and the next backend works.</summary>
[Trait(SoftwareDeviceTest.Needs, "software device")]
public class FaultTests : SoftwareDeviceTest
{
    private const int InvalidValue = 1, OutOfMemory = 2;

    // Calls that give something back: their failure is nobody's to handle.
    private static readonly HashSet<string> Silent =
    [
        "cuMemFree_v2", "cuMemFreeHost", "cuStreamDestroy_v2", "cuEventDestroy_v2", "cuModuleUnload", "cuDevicePrimaryCtxRelease_v2",
        "nvrtcDestroyProgram", "cublasDestroy_v2", "cuGraphDestroy", "cuGraphExecDestroy",
    ];

    public static TheoryData<string> EntryPoints => [.. AbiTests.Names.Where(name => !Silent.Contains(name) && !IsText(name))];

    [Theory]
    [MemberData(nameof(EntryPoints))]
    public void A_failing_call_is_named_and_leaks_nothing(string entry)
    {
        Action<Action> work = WorkThatCalls(entry);
        int calls = 0;
        SoftwareDevice.ClearFaults();
        Assert.IsNotType<CudaException>(Record.Exception(() => work(() => calls = SoftwareDevice.Calls(entry))));
        Assert.True(calls > 0, $"No work of this test calls {entry}.");
        // How many nodes of a graph get new arguments is not fixed: bytes between the fields of a struct count as well.
        int[] numbers = entry == "cuGraphExecKernelNodeSetParams" ? [1] : [1, (calls + 1) / 2, calls];
        foreach (int nth in numbers.Distinct())
        {
            SoftwareDevice.Counts before = SoftwareDevice.Live;
            SoftwareDevice.ClearFaults();
            SoftwareDevice.FailCall(entry, nth, InvalidValue);
            CudaException error = Assert.Throws<CudaException>(() => work(() => { }));
            Assert.StartsWith(entry, error.Call, StringComparison.Ordinal);
            Assert.Equal(InvalidValue, error.Code);
            Assert.Contains($"{error.Call} failed with {error.Name} (1): ", error.Message, StringComparison.Ordinal);
            SoftwareDevice.ClearFaults();
            Assert.Equal(before, SoftwareDevice.Live);
        }
        Train<float>(1);
    }

    [Fact]
    public void A_driver_without_a_device_is_one_sentence()
    {
        SoftwareDevice.FailCall("cuInit", 1, 100);
        CudaUnavailableException refusal = Assert.Throws<CudaUnavailableException>(() => Create<float>());
        Assert.Equal("The NVIDIA driver is installed, but finds no CUDA device.", refusal.Message);
    }

    [Fact]
    public void An_old_driver_is_one_sentence()
    {
        SoftwareDevice.Configure(driverVersion: 11020);
        CudaUnavailableException refusal = Assert.Throws<CudaUnavailableException>(() => Create<float>());
        Assert.Equal("The NVIDIA driver is too old: it supports CUDA 11.2, and 11.4 is needed. Update it.", refusal.Message);
    }

    [Fact]
    public void A_device_that_is_not_there_is_one_sentence()
    {
        CudaUnavailableException refusal = Assert.Throws<CudaUnavailableException>(() => Create<float>(new CudaOptions { Device = 3 }));
        Assert.Equal("There is no CUDA device 3: the driver shows 1.", refusal.Message);
    }

    [Fact]
    public void An_error_without_a_name_is_still_told()
    {
        SoftwareDevice.FailCall("cuStreamCreate", 1, 4711);
        CudaException error = Assert.Throws<CudaException>(() => Create<float>());
        Assert.Equal("cuStreamCreate failed with unknown error (4711): the driver has no text for it.", error.Message);
    }

    [Fact]
    public void Memory_refused_once_is_asked_for_again_when_there_is_something_to_give_back()
    {
        using CudaBackend<float> backend = Create<float>();
        backend.Pool.Return(backend.Pool.Rent(1 << 20));
        SoftwareDevice.ClearFaults();
        SoftwareDevice.FailCall("cuMemAlloc_v2", 1, OutOfMemory);
        DeviceBlock block = backend.Pool.Rent(3 << 20);
        Assert.Equal(block.Capacity, backend.Pool.BytesReserved);
        backend.Pool.Return(block);
    }

    [Fact]
    public void Memory_that_is_not_there_is_refused_with_sizes_and_the_backend_goes_on()
    {
        long total = SoftwareDevice.Live.Bytes + (64 << 20);
        SoftwareDevice.Configure(memory: total);
        using CudaBackend<float> backend = Create<float>();
        InsufficientMemoryException refusal = Assert.Throws<InsufficientMemoryException>(() => backend.Pool.Rent(48 << 20));
        Assert.Contains("refused 50331648 bytes", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"of its {total} bytes are free", refusal.Message, StringComparison.Ordinal);
        using Scratch<float> small = backend.Pool.RentScratch<float>(10);
        backend.Fill(small.Buffer, 2f);
        float[] host = new float[10];
        backend.Download(small.Buffer, host);
        Assert.All(host, value => Assert.Equal(2f, value));
    }

    [Fact]
    public void A_source_with_errors_is_refused_with_the_compilers_log()
    {
        KernelCompiler compiler = new(9, 0);
        KernelCompilationException error = Assert.Throws<KernelCompilationException>(
            () => compiler.Compile("wrong", "extern \"C\" __global__ void k(float* x)\n{\n    x[0] = missing;\n}\n"));
        Assert.Contains("wrong.cu:3", error.Message, StringComparison.Ordinal);
        Assert.Contains("missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_newer_than_the_compiler_gets_PTX()
    {
        SoftwareDevice.Configure(capability: 120);
        Train<float>(1);
        Assert.True(SoftwareDevice.Calls("nvrtcGetPTX") > 0);
        Assert.Equal(0, SoftwareDevice.Calls("nvrtcGetCUBIN"));
    }

    // cuGetErrorName and the like.
    private static bool IsText(string name) =>
        name.Contains("Error", StringComparison.Ordinal) || name.Contains("Status", StringComparison.Ordinal);

    /// <summary>Something that calls the entry point, and its argument when all but giving back is done.</summary>
    private static Action<Action> WorkThatCalls(string entry) => entry switch
    {
        "cuMemGetInfo_v2" => done => Exhaust(done),
        "cuMemsetD8Async" => done => Poison(done),
        "cuStreamSynchronize" => done => Train<float>(1, done, new CudaOptions { Synchronous = true }),
        "cuStreamBeginCapture_v2" or "cuStreamGetCaptureInfo_v2" or "cuStreamEndCapture" or "cuGraphInstantiateWithFlags"
            or "cuGraphExecKernelNodeSetParams" or "cuGraphLaunch" or "cuMemcpyDtoDAsync_v2" => TrainAsGraph,
        "cublasDgemm_v2" => done => Train<double>(2, done),
        "cublasSgemmStridedBatched" => done => MultiplyBatches<float>(done),
        "cublasDgemmStridedBatched" => done => MultiplyBatches<double>(done),
        "nvrtcGetPTX" or "nvrtcGetPTXSize" => done => TrainOnNewDevice(done),
        "nvrtcGetProgramLog" or "nvrtcGetProgramLogSize" => done => Misspell(done),
        _ => done => Train<float>(2, done),
    };

    private static void Train<T>(int steps, Action? done = null, CudaOptions? options = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using CudaBackend<T> backend = Create<T>(options);
        using Linear<T> layer = new(backend, 3, 2, new Philox(1));
        using Adam<T> optimizer = new(layer.Parameters, 0.1);
        using Tape<T> tape = new(backend);
        for (int step = 0; step < steps; step++)
        {
            Tensor<T> x = tape.Constant([.. Enumerable.Range(1, 6).Select(T.CreateChecked)], new Shape(2, 3));
            Tensor<T> loss = layer.Forward(x, Phase.Training).Tanh().SoftmaxCrossEntropy([0, 1]);
            tape.Backward(loss);
            optimizer.Step();
            optimizer.ZeroGradients();
            Assert.True(T.IsFinite(loss.Item()));
            tape.Reset();
        }
        done?.Invoke();
    }

    private static void TrainAsGraph(Action done)
    {
        using CudaBackend<float> backend = Create<float>();
        using Parameter<float> parameter = new(backend, "parameter", new Shape(3));
        using Adam<float> optimizer = new([parameter], 0.1);
        using Tape<float> tape = new(backend);
        for (int step = 0; step < 5; step++)
        {
            using (backend.BeginStep())
            {
                tape.Backward(tape.Watch(parameter).Sum());
                optimizer.Step();
                optimizer.ZeroGradients();
            }
            tape.Reset();
        }
        done();
    }

    private static void TrainOnNewDevice(Action done)
    {
        SoftwareDevice.Configure(capability: 120);
        try
        {
            Train<float>(1, done);
        }
        finally
        {
            SoftwareDevice.Configure();
        }
    }

    private static void MultiplyBatches<T>(Action done)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using CudaBackend<T> backend = Create<T>();
        using Tape<T> tape = new(backend);
        Tensor<T> a = tape.Constant(new T[24], new Shape(2, 3, 4)), b = tape.Constant(new T[40], new Shape(2, 4, 5));
        Assert.Equal(new Shape(2, 3, 5), a.MatMul(b).Shape);
        done();
    }

    private static void Exhaust(Action done)
    {
        using CudaBackend<float> backend = Create<float>();
        try
        {
            backend.Pool.Rent(1L << 33);
        }
        finally
        {
            done();
        }
    }

    private static void Poison(Action done)
    {
        using CudaDevice device = new(new CudaOptions());
        CudaAllocator allocator = new(device, 0);
        nint memory = allocator.Allocate(12);
        try
        {
            allocator.Poison(memory, 12);
            done();
        }
        finally
        {
            allocator.Free(memory, 12);
        }
    }

    private static void Misspell(Action done)
    {
        try
        {
            new KernelCompiler(9, 0).Compile("wrong", "misspelt");
        }
        finally
        {
            done();
        }
    }
}
