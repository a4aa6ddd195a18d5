using System.Reflection;
using System.Runtime.InteropServices;

namespace MiniGrad.Samples.Compare;

/// <summary>Finds out where this runs, as far as timings depend on it. Names of hosts and users are not asked for.</summary>
internal static class MachineFacts
{
    public static Machine Of(string device, Schedule schedule) => new(
        Processor(), Environment.ProcessorCount, RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription, device,
        schedule);

    /// <summary>The version of this program, with the commit it was built from if that was known.</summary>
    public static string Version() =>
        Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    private static string Processor()
    {
        const string Key = "model name";
        try
        {
            string? line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal));
            return line is null ? Architecture() : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Architecture();
        }
    }

    private static string Architecture() => RuntimeInformation.ProcessArchitecture.ToString();
}
