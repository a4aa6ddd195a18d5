using System.Runtime.InteropServices;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda;

/// <summary>CUDA cannot be used here: no driver, no device, a driver too old, or a library missing. The message is one sentence.</summary>
public sealed class CudaUnavailableException : NotSupportedException
{
    /// <summary>With the reason.</summary>
    public CudaUnavailableException(string message)
        : base(message)
    {
    }
}

/// <summary>A call into CUDA failed.</summary>
public sealed class CudaException : Exception
{
    internal CudaException(string call, int code, string name, string explanation)
        : base($"{call} failed with {name} ({code}): {explanation}")
    {
        (Call, Code, Name) = (call, code, name);
    }

    /// <summary>The entry point that returned the error. A fault inside a kernel is reported by a later call.</summary>
    public string Call { get; }

    /// <summary>The code it returned.</summary>
    public int Code { get; }

    /// <summary>The name of the code.</summary>
    public string Name { get; }
}

/// <summary>Turns status codes into exceptions that name the call, the code and what it means.</summary>
internal static unsafe class CudaError
{
    public const int OutOfMemory = 2, Deinitialized = 4, NoDevice = 100, InvalidContext = 201, ContextDestroyed = 709;

    /// <summary>Whether the error leaves the context unusable for the rest of the process: a fault inside a kernel does.</summary>
    public static bool IsFatal(int code) => code is 700 or 702 or 710 or (>= 714 and <= 719);

    /// <summary>Throws unless a driver call succeeded.</summary>
    public static void Check(int code, string call)
    {
        if (code != 0)
        {
            throw Driver(code, call);
        }
    }

    /// <summary>Throws unless a call of cuBLAS succeeded.</summary>
    public static void CheckBlas(int status, string call)
    {
        if (status != 0)
        {
            throw new CudaException(
                call, status, Text(CuBlas.cublasGetStatusName(status), "unknown status"),
                Text(CuBlas.cublasGetStatusString(status), "cuBLAS gives no text") + ".");
        }
    }

    /// <summary>Throws unless a call of NVRTC succeeded.</summary>
    public static void CheckNvrtc(int result, string call)
    {
        if (result != 0)
        {
            string name = Text(Nvrtc.nvrtcGetErrorString(result), "unknown result");
            throw new CudaException(call, result, name, "the CUDA compiler refused.");
        }
    }

    public static CudaException Driver(int code, string call)
    {
        byte* name = null, text = null;
        string known = Native.Driver.cuGetErrorName(code, &name) == 0 ? Text(name, "unknown error") : "unknown error";
        string explanation = Native.Driver.cuGetErrorString(code, &text) == 0 ? Text(text, "no text") : "the driver has no text for it";
        string remedy = IsFatal(code)
            ? " A kernel failed, here or in an earlier call; this process cannot use the device any more. " +
                "MINIGRAD_CUDA_SYNC=1 names the kernel."
            : "";
        return new CudaException(call, code, known, $"{explanation}.{remedy}");
    }

    private static string Text(byte* text, string otherwise) => text == null ? otherwise : Marshal.PtrToStringUTF8((nint)text) ?? otherwise;
}
