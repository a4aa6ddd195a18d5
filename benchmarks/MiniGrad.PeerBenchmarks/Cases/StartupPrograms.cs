using System.Diagnostics;
using System.Reflection;

namespace MiniGrad.PeerBenchmarks;

/// <summary>The variants of benchmarks/Startup, published on demand beside this program.</summary>
internal static class StartupPrograms
{
    private static readonly Dictionary<string, string?> Published = [];

    /// <summary>Publishes a variant once.</summary>
    /// <returns>The path of the program; null if it does not publish, for want of a linker or of a package.</returns>
    public static string? Publish(string variant)
    {
        if (!Published.TryGetValue(variant, out string? path))
        {
            string folder = Path.Combine(AppContext.BaseDirectory, "startup", variant);
            bool done = Run("dotnet", ["publish", ProjectPath, "-c", "Release", $"-p:Variant={variant}", "-o", folder], out _) == 0;
            Published[variant] = path = done ? Path.Combine(folder, "startup") : null;
        }
        return path;
    }

    /// <summary>From the start of the process to its end. It has checked its gradient by then.</summary>
    /// <exception cref="WrongResultException">The program failed.</exception>
    public static void Start(string path)
    {
        using Process process = Process.Start(path);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new WrongResultException($"{path} ended with exit code {process.ExitCode}");
        }
    }

    /// <summary>The most memory that a run took, in MiB; the program asks Linux, which counts in KiB: <c>VmHWM:   32736 kB</c>.</summary>
    public static double PeakMemory(string path)
    {
        _ = Run(path, ["memory"], out string output);
        return double.Parse(output.Split(' ', '\t', '\n').First(word => word.Length > 0 && char.IsAsciiDigit(word[0]))) / 1024;
    }

    private static string ProjectPath => typeof(StartupPrograms).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(attribute => attribute.Key == nameof(StartupPrograms)).Value!;

    private static int Run(string program, IEnumerable<string> arguments, out string output)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
