using MiniGrad.Cuda.Native;

namespace MiniGrad.Cuda.Tests;

/// <summary>Where the three libraries are looked for, and what is refused.</summary>
public class LibrarySearchTests
{
    private static readonly string Root = OperatingSystem.IsWindows() ? @"C:\" : "/";

    [Theory]
    [InlineData("cuda", "MINIGRAD_LIBCUDA")]
    [InlineData("nvrtc", "MINIGRAD_LIBNVRTC")]
    [InlineData("cublas", "MINIGRAD_LIBCUBLAS")]
    public void A_variable_with_an_absolute_path_decides_alone(string library, string variable)
    {
        string path = Path.Combine(Root, "somewhere", "library");
        Assert.Equal([path], Candidates(library, (variable, path), ("CUDA_HOME", Root)));
    }

    [Fact]
    public void A_variable_with_a_relative_path_is_refused()
    {
        CudaUnavailableException refusal = Assert.Throws<CudaUnavailableException>(
            () => Candidates("nvrtc", ("MINIGRAD_LIBNVRTC", "lib/libnvrtc.so")));
        Assert.Contains("MINIGRAD_LIBNVRTC=lib/libnvrtc.so: must be an absolute path", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_toolkit_comes_before_the_loader_and_a_relative_one_is_ignored()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Names of Linux.");
        Assert.Equal(
            [
                "/opt/cuda/lib64/libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2",
                "/usr/local/cuda/lib64/libnvrtc.so.12",
            ],
            LibrarySearch.For("nvrtc").Candidates(
                name => name == "CUDA_PATH" ? "cuda" : name == "CUDA_HOME" ? "/opt/cuda" : null,
                path => path.EndsWith("lib64/libnvrtc.so.12", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_driver_is_the_systems_own_business()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Names of Linux.");
        Assert.Equal(["libcuda.so.1"], Candidates("cuda", ("CUDA_HOME", "/opt/cuda")));
    }

    [Theory]
    [InlineData("cuda", "this machine has no NVIDIA driver installed")]
    [InlineData("nvrtc", "MINIGRAD_LIBNVRTC")]
    [InlineData("cublas", "MINIGRAD_LIBCUBLAS")]
    public void What_is_missing_is_said_in_one_sentence(string library, string says)
    {
        string message = LibrarySearch.For(library).NotFound(_ => null);
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    private static IEnumerable<string> Candidates(string library, params (string Name, string Value)[] variables) =>
        [.. LibrarySearch.For(library).Candidates(name => variables.FirstOrDefault(variable => variable.Name == name).Value, _ => true)];
}
