namespace MiniGrad.Cuda.Native;

/// <summary>The names and places of one library, newest version first.</summary>
/// <param name="Library">What it is called in imports.</param>
/// <param name="Title">What it is called in messages.</param>
/// <param name="Variable">The environment variable that overrides the search.</param>
/// <param name="Names">File names that the system's loader may know.</param>
/// <param name="Companion">A pattern of files to load before it from the same directory, or empty.</param>
internal sealed record LibrarySearch(string Library, string Title, string Variable, string[] Names, string Companion)
{
    private static readonly LibrarySearch[] Linux =
    [
        new(Driver.Library, "the NVIDIA driver", "MINIGRAD_LIBCUDA", ["libcuda.so.1"], ""),
        new(
            Nvrtc.Library, "NVRTC", "MINIGRAD_LIBNVRTC", ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"],
            "libnvrtc-builtins.so.*"),
        new(CuBlas.Library, "cuBLAS", "MINIGRAD_LIBCUBLAS", ["libcublas.so.13", "libcublas.so.12", "libcublas.so.11"], "libcublasLt.so.*"),
    ];

    private static readonly LibrarySearch[] Windows =
    [
        new(Driver.Library, "the NVIDIA driver", "MINIGRAD_LIBCUDA", ["nvcuda.dll"], ""),
        new(
            Nvrtc.Library, "NVRTC", "MINIGRAD_LIBNVRTC", ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll"],
            "nvrtc-builtins64_*.dll"),
        new(CuBlas.Library, "cuBLAS", "MINIGRAD_LIBCUBLAS", ["cublas64_13.dll", "cublas64_12.dll", "cublas64_11.dll"], "cublasLt64_*.dll"),
    ];

    /// <summary>Whether this is one of the three libraries.</summary>
    public static bool Knows(string library) => Linux.Any(search => search.Library == library);

    /// <summary>How to find a library on this system.</summary>
    public static LibrarySearch For(string library) =>
        (OperatingSystem.IsWindows() ? Windows : Linux).Single(search => search.Library == library);

    /// <summary>Absolute paths and bare names, in the order in which they are tried.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="exists">Tells whether a file exists.</param>
    /// <exception cref="CudaUnavailableException">The override is not an absolute path.</exception>
    public IEnumerable<string> Candidates(Func<string, string?> variable, Func<string, bool> exists)
    {
        if (variable(Variable) is { Length: > 0 } given)
        {
            // An override is final: falling back to another copy in silence would hide that it did not work.
            return Path.IsPathFullyQualified(given) ? [given] : throw new CudaUnavailableException(
                $"{Variable}={given}: must be an absolute path to {Title}.");
        }
        if (Library == Driver.Library)
        {
            return Names; // It comes with the driver and belongs to the system: no toolkit has it.
        }
        IEnumerable<string> toolkits = new[] { variable("CUDA_PATH"), variable("CUDA_HOME") }
            .Where(root => root is { Length: > 0 } && Path.IsPathFullyQualified(root))
            .SelectMany(root => Directories(root!));
        string[] last = OperatingSystem.IsWindows() ? [] : ["/usr/local/cuda/lib64"];
        return Files(toolkits, exists).Concat(Names).Concat(Files(last, exists));
    }

    /// <summary>One sentence on what was looked for and what to do.</summary>
    public string NotFound(Func<string, string?> variable) => variable(Variable) is { Length: > 0 } given
        ? $"{Variable}={given}: could not be loaded as {Title}."
        : $"{Title} was not found ({string.Join(", ", Names)}): " + (Library == Driver.Library
            ? "this machine has no NVIDIA driver installed."
            : $"install the CUDA toolkit's runtime libraries, or set {Variable} to the file's absolute path.");

    /// <summary>Files to load first from the directory of a candidate.</summary>
    public string[] Companions(string candidate)
    {
        string? directory = Path.GetDirectoryName(candidate);
        return Companion.Length > 0 && Directory.Exists(directory) ? Directory.GetFiles(directory, Companion) : [];
    }

    private IEnumerable<string> Files(IEnumerable<string> directories, Func<string, bool> exists) =>
        directories.SelectMany(directory => Names.Select(name => Path.Combine(directory, name))).Where(exists);

    private static string[] Directories(string root) => OperatingSystem.IsWindows()
        ? [Path.Combine(root, "bin", "x64"), Path.Combine(root, "bin")]
        : [Path.Combine(root, "lib64"), Path.Combine(root, "lib")];
}
