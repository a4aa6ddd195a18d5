using System.Runtime.InteropServices;
using System.Text;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>A kernel's source was refused by the compiler; the message holds the log, with lines.</summary>
public sealed class KernelCompilationException : Exception
{
    internal KernelCompilationException(string kernel, string log)
        : base($"The kernel {kernel} does not compile:{Environment.NewLine}{log}")
    {
    }
}

/// <summary>Compiles CUDA C for one device with NVRTC: to machine code, or to PTX if the compiler does not know so new a device.</summary>
internal sealed unsafe class KernelCompiler
{
    private readonly byte[][] options;
    private readonly bool makesPtx;

    /// <exception cref="CudaUnavailableException">NVRTC was not found.</exception>
    public KernelCompiler(int major, int minor)
    {
        NativeLibraries.Load(Nvrtc.Library);
        int capability = (10 * major) + minor, newest = NewestKnown();
        makesPtx = capability > newest;
        string target = makesPtx ? $"compute_{newest}" : $"sm_{capability}";
        options = [Utf8($"--gpu-architecture={target}"), Utf8("--std=c++17"), Utf8("-lineinfo")];
    }

    /// <summary>The loadable image of a source text.</summary>
    /// <exception cref="KernelCompilationException">The source has errors.</exception>
    public byte[] Compile(string name, string source)
    {
        nint program;
        fixed (byte* text = Utf8(source), file = Utf8(name + ".cu"))
        {
            CudaError.CheckNvrtc(Nvrtc.nvrtcCreateProgram(&program, text, file, 0, null, null), nameof(Nvrtc.nvrtcCreateProgram));
        }
        try
        {
            int result = Compile(program);
            if (result == Nvrtc.ErrorCompilation)
            {
                throw new KernelCompilationException(name, Log(program));
            }
            CudaError.CheckNvrtc(result, nameof(Nvrtc.nvrtcCompileProgram));
            return Image(program);
        }
        finally
        {
            _ = Nvrtc.nvrtcDestroyProgram(&program);
        }
    }

    private int Compile(nint program)
    {
        byte** pointers = stackalloc byte*[options.Length];
        GCHandle* pins = stackalloc GCHandle[options.Length];
        for (int i = 0; i < options.Length; i++)
        {
            pins[i] = GCHandle.Alloc(options[i], GCHandleType.Pinned);
            pointers[i] = (byte*)pins[i].AddrOfPinnedObject();
        }
        int result = Nvrtc.nvrtcCompileProgram(program, options.Length, pointers);
        for (int i = 0; i < options.Length; i++)
        {
            pins[i].Free();
        }
        return result;
    }

    private byte[] Image(nint program)
    {
        nuint size;
        CudaError.CheckNvrtc(
            makesPtx ? Nvrtc.nvrtcGetPTXSize(program, &size) : Nvrtc.nvrtcGetCUBINSize(program, &size),
            makesPtx ? nameof(Nvrtc.nvrtcGetPTXSize) : nameof(Nvrtc.nvrtcGetCUBINSize));
        byte[] image = new byte[(int)size];
        fixed (byte* pointer = image)
        {
            CudaError.CheckNvrtc(
                makesPtx ? Nvrtc.nvrtcGetPTX(program, pointer) : Nvrtc.nvrtcGetCUBIN(program, pointer),
                makesPtx ? nameof(Nvrtc.nvrtcGetPTX) : nameof(Nvrtc.nvrtcGetCUBIN));
        }
        return image;
    }

    private static string Log(nint program)
    {
        nuint size;
        CudaError.CheckNvrtc(Nvrtc.nvrtcGetProgramLogSize(program, &size), nameof(Nvrtc.nvrtcGetProgramLogSize));
        byte[] log = new byte[(int)size];
        fixed (byte* pointer = log)
        {
            CudaError.CheckNvrtc(Nvrtc.nvrtcGetProgramLog(program, pointer), nameof(Nvrtc.nvrtcGetProgramLog));
        }
        return Encoding.UTF8.GetString(log).TrimEnd('\0', '\n');
    }

    private static int NewestKnown()
    {
        int count;
        CudaError.CheckNvrtc(Nvrtc.nvrtcGetNumSupportedArchs(&count), nameof(Nvrtc.nvrtcGetNumSupportedArchs));
        int[] known = new int[count];
        fixed (int* pointer = known)
        {
            CudaError.CheckNvrtc(Nvrtc.nvrtcGetSupportedArchs(pointer), nameof(Nvrtc.nvrtcGetSupportedArchs));
        }
        return known.Max();
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text + '\0');
}
