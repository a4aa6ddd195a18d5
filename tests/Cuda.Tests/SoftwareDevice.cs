using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // One device, with one sticky error and one count of what is live.

namespace MiniGrad.Cuda.Tests;

/// <summary>
/// The software device of the directory SoftwareDevice: built by g++ when first needed, then found by the product like a real driver.
/// </summary>
/// <remarks>
/// MINIGRAD_CUDA_TESTS=software makes a missing g++ a failure instead of a skip; =hardware runs what can be run there on a real GPU.
/// </remarks>
internal static partial class SoftwareDevice
{
    private static readonly Lazy<string?> Refusal = new(Install);

    public static bool IsHardware => Environment.GetEnvironmentVariable("MINIGRAD_CUDA_TESTS") == "hardware";

    private static string Sources => Path.Combine(AppContext.BaseDirectory, "SoftwareDevice");

    private static string Library => Path.Combine(AppContext.BaseDirectory, "softcuda", "libsoftcuda.so");

    /// <summary>For tests of the backend: the software device, or the GPU if that was asked for.</summary>
    public static void RequireAny()
    {
        if (!IsHardware)
        {
            Require();
        }
    }

    /// <summary>For tests that need the software device's own powers; skips the test where there is none.</summary>
    public static void Require()
    {
        Assert.SkipWhen(IsHardware, "This test needs the software device's own powers.");
        if (Refusal.Value is { } reason)
        {
            Assert.SkipUnless(Environment.GetEnvironmentVariable("MINIGRAD_CUDA_TESTS") == "software", reason);
            Assert.Fail(reason);
        }
    }

    private static string? Install()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return "The software CUDA device is written for Linux on x64.";
        }
        if (!Tool.Exists("g++"))
        {
            return "The software CUDA device is built by g++, which is not installed.";
        }
        Build();
        foreach (string variable in new[] { "MINIGRAD_LIBCUDA", "MINIGRAD_LIBNVRTC", "MINIGRAD_LIBCUBLAS" })
        {
            Environment.SetEnvironmentVariable(variable, Library);
        }
        nint handle = NativeLibrary.Load(Library);
        NativeLibrary.SetDllImportResolver(typeof(SoftwareDevice).Assembly, (name, _, _) => name == "softcuda" ? handle : 0);
        return null;
    }

    /// <summary>Compiles each file on its own, side by side, unless the library is of these very sources.</summary>
    private static void Build()
    {
        string directory = Path.GetDirectoryName(Library)!, stamp = Path.Combine(directory, "sources.sha256");
        string[] sources = [.. Directory.GetFiles(Sources, "*.cpp").Order()];
        string hash = Convert.ToHexString(SHA256.HashData(
            [.. Directory.GetFiles(Sources).Order().SelectMany(File.ReadAllBytes)]));
        if (File.Exists(Library) && File.Exists(stamp) && File.ReadAllText(stamp) == hash)
        {
            return;
        }
        Directory.CreateDirectory(directory);
        string Object(string source) => Path.Combine(directory, Path.GetFileNameWithoutExtension(source) + ".o");
        Parallel.ForEach(sources, source => Tool.Run(
            "g++", "-std=c++17", "-O1", "-Wall", "-Werror", "-fPIC", "-fvisibility=hidden", "-c", "-o", Object(source), source));
        Tool.Run("g++", ["-shared", "-o", Library, .. sources.Select(Object), "-ldl", "-lpthread"]);
        File.Copy(Path.Combine(Sources, "kernel_shim.h"), Path.Combine(directory, "kernel_shim.h"), overwrite: true);
        File.WriteAllText(stamp, hash);
    }
}

/// <summary>Runs a compiler.</summary>
internal static class Tool
{
    public static bool Exists(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(directory => File.Exists(Path.Combine(directory, name)));

    /// <exception cref="InvalidOperationException">It failed; the message is what it printed.</exception>
    public static void Run(string name, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{name} {string.Join(' ', arguments)}: {error}");
        }
    }
}
