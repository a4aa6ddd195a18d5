using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda.Tests;

/// <summary>NVIDIA's own libraries, where they are installed; no GPU is needed.</summary>
public unsafe class RealLibraryTests
{
    /// <summary>MINIGRAD_REAL_NVRTC may name the compiler by its absolute path.</summary>
    [Fact]
    public void Nvidias_compiler_takes_every_kernel()
    {
        string? named = Environment.GetEnvironmentVariable("MINIGRAD_REAL_NVRTC");
        string[] names = named is null ? ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"] : [named];
        nint library = SoftwareDevice.IsHardware ? NativeLibraries.Load(Nvrtc.Library) : 0; // There the product finds it.
        Assert.SkipUnless(
            library != 0 || names.Any(name => NativeLibrary.TryLoad(name, out library)),
            $"NVRTC is not installed ({string.Join(", ", names)}).");
        foreach (string name in KernelSources.Names)
        {
            AssertCompiles<float>(library, name);
            AssertCompiles<double>(library, name);
        }
    }

    /// <summary>A process of its own, since this one has the software device.</summary>
    [Theory]
    [InlineData("Mlp")]
    [InlineData("Lstm")]
    [InlineData("Compare", "mlp")]
    [InlineData("Compare", "lstm")]
    [Trait(SoftwareDeviceTest.Needs, "no GPU")]
    public void Without_a_device_a_sample_says_so_in_one_line_and_fails(string sample, params string[] verb)
    {
        bool hasDriver = NativeLibrary.TryLoad("libcuda.so.1", out nint library);
        Assert.SkipWhen(
            hasDriver && ((delegate* unmanaged<uint, int>)NativeLibrary.GetExport(library, "cuInit"))(0) == 0, "This machine has a GPU.");
        ProcessStartInfo start = new(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, $"MiniGrad.Samples.{sample}.dll"), .. verb, "--device", "cuda", "--dry-run"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment.Remove("MINIGRAD_LIBCUDA");
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("error: --device cuda: the NVIDIA driver ", error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            hasDriver ? "finds no CUDA device" : "this machine has no NVIDIA driver installed", error, StringComparison.Ordinal);
        Assert.Equal(1, error.Count(letter => letter == '\n'));
    }

    private static void AssertCompiles<T>(nint library, string name)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (KernelSources.Of<T>(name) is not { } source)
        {
            return;
        }
        var create =
            (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)NativeLibrary.GetExport(library, "nvrtcCreateProgram");
        var compile = (delegate* unmanaged<nint, int, byte**, int>)NativeLibrary.GetExport(library, "nvrtcCompileProgram");
        var logSize = (delegate* unmanaged<nint, nuint*, int>)NativeLibrary.GetExport(library, "nvrtcGetProgramLogSize");
        var readLog = (delegate* unmanaged<nint, byte*, int>)NativeLibrary.GetExport(library, "nvrtcGetProgramLog");
        var destroy = (delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(library, "nvrtcDestroyProgram");
        nint program;
        nuint size;
        fixed (byte* text = Utf8(source), file = Utf8(name + ".cu"), architecture = Utf8("--gpu-architecture=sm_80"),
            standard = Utf8("--std=c++17"))
        {
            byte** options = stackalloc byte*[] { architecture, standard };
            Assert.Equal(0, create(&program, text, file, 0, null, null));
            int result = compile(program, 2, options);
            logSize(program, &size);
            byte[] log = new byte[(int)size];
            fixed (byte* to = log)
            {
                readLog(program, to);
            }
            destroy(&program);
            Assert.True(result == 0, $"{name}: {Encoding.UTF8.GetString(log)}");
        }
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text + '\0');
}
