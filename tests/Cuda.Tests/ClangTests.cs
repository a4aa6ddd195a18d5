using System.Numerics;

namespace MiniGrad.Cuda.Tests;

/// <summary>Every kernel through clang's front end for CUDA, down to PTX: another reader than g++, which knows address spaces.</summary>
[Trait(SoftwareDeviceTest.Needs, "clang")]
public class ClangTests
{
    private static readonly string? Clang =
        Enumerable.Range(16, 10).Reverse().Select(version => $"clang++-{version}").FirstOrDefault(Tool.Exists);

    public static TheoryData<string> Kernels => [.. KernelSources.Names.Where(name => KernelSources.Of<float>(name) is not null)];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_compiles_to_PTX_and_keeps_everything_in_registers(string name)
    {
        Assert.SkipWhen(Clang is null, "clang 16 or later, which knows the GPUs of today, is not installed (Debian: clang-19).");
        Parallel.Invoke(() => AssertCompiles<float>(name), () => AssertCompiles<double>(name));
    }

    [Fact]
    public void Elementwise_kernels_move_sixteen_bytes_at_once()
    {
        Assert.SkipWhen(Clang is null, "clang 16 or later is not installed.");
        string ptx = Compile("Relu", KernelSources.Of<float>("ReluOp")!);
        Assert.Contains("ld.global.v4", ptx, StringComparison.Ordinal);
        Assert.Contains("st.global.v4", ptx, StringComparison.Ordinal);
    }

    private static void AssertCompiles<T>(string name)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        string ptx = Compile(name, KernelSources.Of<T>(name)!);
        Assert.Contains(".entry", ptx, StringComparison.Ordinal);
        Assert.DoesNotContain("__local_depot", ptx, StringComparison.Ordinal); // Memory of a thread of its own: a stack or a spill.
    }

    private static string Compile(string name, string source)
    {
        string directory = Directory.CreateTempSubdirectory("minigrad-clang").FullName, file = Path.Combine(directory, name + ".cu");
        try
        {
            File.WriteAllText(file, source);
            Tool.Run(
                Clang!, "-x", "cuda", "--cuda-device-only", "-nocudainc", "-nocudalib", "-std=c++17", "-O2", "-fdeclspec",
                "--cuda-gpu-arch=sm_90", "--cuda-feature=+ptx78", "-Wno-unknown-cuda-version",
                "-include", Path.Combine(AppContext.BaseDirectory, "Compilers", "clang_cuda.h"), "-S", file, "-o", file + ".ptx");
            return File.ReadAllText(file + ".ptx");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
