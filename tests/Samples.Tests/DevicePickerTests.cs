using MiniGrad.Backends;

namespace MiniGrad.Samples.Tests;

public class DevicePickerTests
{
    [Theory]
    [InlineData("cuda", 0, "--device cuda: no CUDA backend in this build")]
    [InlineData("gpu", 0, "--device gpu: must be cpu, cuda, auto")]
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
        Assert.EndsWith("(auto: no CUDA backend in this build)", DevicePicker.Describe("auto", backend), StringComparison.Ordinal);
        Assert.Equal(backend.Name, DevicePicker.Describe("cpu", backend));
    }
}
