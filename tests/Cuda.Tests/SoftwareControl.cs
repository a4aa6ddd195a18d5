using System.Runtime.InteropServices;

namespace MiniGrad.Cuda.Tests;

// The software device's controls.
internal static partial class SoftwareDevice
{
    /// <summary>In which order threads and blocks run.</summary>
    public enum Order
    {
        Forward,
        Reverse,
        Random,
    }

    /// <summary>How the device behaves; the defaults are those it starts with. A GPU has ways of its own and is left alone.</summary>
    public static void Configure(
        bool lazy = false, Order order = Order.Forward, long memory = 1L << 32, int driverVersion = 13000, int capability = 90)
    {
        if (!IsHardware)
        {
            softcuda_configure(new Settings(lazy ? 1 : 0, (int)order, 1, (nuint)memory, driverVersion, capability));
        }
    }

    /// <summary>Makes the n-th call of an entry point from now on fail with a code.</summary>
    public static void FailCall(string entry, int nth, int code) => softcuda_fault(entry, nth, code);

    public static void ClearFaults() => softcuda_clear_faults();

    /// <summary>How often an entry point was called since faults were cleared.</summary>
    public static int Calls(string entry) => softcuda_calls(entry);

    /// <summary>What the last fault inside a kernel was.</summary>
    public static string Message => Marshal.PtrToStringUTF8(softcuda_message()) ?? "";

    /// <summary>What the device keeps at the moment.</summary>
    public static Counts Live
    {
        get
        {
            softcuda_counts(out Counts counts);
            return counts;
        }
    }

    public readonly record struct Counts(
        long Allocations, long Bytes, long Streams, long Events, long Modules, long Graphs, long Contexts, long BlasHandles, long Programs);

    private readonly record struct Settings(int Lazy, int Order, uint Seed, nuint Memory, int DriverVersion, int Capability);

    [LibraryImport("softcuda")]
    private static partial void softcuda_configure(in Settings settings);

    [LibraryImport("softcuda", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void softcuda_fault(string entry, int nth, int code);

    [LibraryImport("softcuda")]
    private static partial void softcuda_clear_faults();

    [LibraryImport("softcuda", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int softcuda_calls(string entry);

    [LibraryImport("softcuda")]
    private static partial void softcuda_counts(out Counts counts);

    [LibraryImport("softcuda")]
    private static partial nint softcuda_message();
}
