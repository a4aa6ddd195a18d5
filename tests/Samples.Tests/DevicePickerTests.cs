using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Samples.Tests;

public class DevicePickerTests
{
    // On every machine the same: a driver that is named and not there is not looked for elsewhere.
#pragma warning disable CA2255
    [ModuleInitializer]
    internal static void HideDriver() => Environment.SetEnvironmentVariable("MINIGRAD_LIBCUDA", "/no/driver");
#pragma warning restore CA2255

    [Theory]
    [InlineData("cuda", 0, "--device cuda: MINIGRAD_LIBCUDA=/no/driver: could not be loaded as the NVIDIA driver.")]
    [InlineData("gpu", 0, "--device 'gpu': must be one of cpu, cuda, auto")]
    [InlineData("cpu", -1, "--threads -1: must be 0")]
    [InlineData("cpu", 257, "--threads 257: must be 0")]
    public void What_cannot_be_had_is_refused_in_one_line(string device, int threads, string expected)
    {
        InputException error = Assert.Throws<InputException>(() => DevicePicker.Create<float>(device, threads));
        Assert.StartsWith(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Auto_takes_the_processor_and_says_why()
    {
        using IBackend<float> backend = DevicePicker.Create<float>("auto", 1);
        Assert.StartsWith("cpu", backend.Name, StringComparison.Ordinal);
        Assert.EndsWith(
            "(auto: MINIGRAD_LIBCUDA=/no/driver: could not be loaded as the NVIDIA driver.)",
            DevicePicker.Describe("auto", backend), StringComparison.Ordinal);
        Assert.Equal(backend.Name, DevicePicker.Describe("cpu", backend));
    }
}
