using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MiniGrad.Cuda.Native;

/// <summary>
/// Finds the three libraries. A variable with an absolute path decides alone; else a toolkit named by CUDA_PATH or CUDA_HOME, then the
/// system's loader, then /usr/local/cuda. Neither the current nor the program's directory is searched.
/// </summary>
internal static class NativeLibraries
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, nint> Handles = [];
    private static readonly Dictionary<string, string> Paths = [];

    /// <summary>The file, or the name given to the system's loader, that each library came from.</summary>
    public static IReadOnlyDictionary<string, string> Loaded
    {
        get
        {
            lock (Gate)
            {
                return new Dictionary<string, string>(Paths);
            }
        }
    }

    /// <summary>Loads a library, or says in one sentence why not.</summary>
    /// <exception cref="CudaUnavailableException">It was not found, or the variable that names it is not an absolute path.</exception>
    public static nint Load(string library)
    {
        lock (Gate)
        {
            if (Handles.TryGetValue(library, out nint handle))
            {
                return handle;
            }
            LibrarySearch search = LibrarySearch.For(library);
            foreach (string candidate in search.Candidates(Environment.GetEnvironmentVariable, File.Exists))
            {
                if (TryLoad(search, candidate, out handle))
                {
                    Paths[library] = candidate;
                    return Handles[library] = handle;
                }
            }
            throw new CudaUnavailableException(search.NotFound(Environment.GetEnvironmentVariable));
        }
    }

    // At module start: a resolver must be in place before the first call, and only the assembly that owns the imports may set it.
#pragma warning disable CA2255
    [ModuleInitializer]
    internal static void Install() => NativeLibrary.SetDllImportResolver(
        typeof(NativeLibraries).Assembly, (name, _, _) => LibrarySearch.Knows(name) ? Load(name) : 0);
#pragma warning restore CA2255

    private static bool TryLoad(LibrarySearch search, string candidate, out nint handle)
    {
        if (!Path.IsPathFullyQualified(candidate))
        {
            // System32 keeps the search to the system's own places; without a flag the program's directory would come first.
            return NativeLibrary.TryLoad(candidate, Assembly.GetExecutingAssembly(), DllImportSearchPath.System32, out handle);
        }
        // NVRTC opens its builtins, and cuBLAS its Lt part, by bare name: loaded from the same directory first, they are found.
        foreach (string companion in search.Companions(candidate))
        {
            NativeLibrary.TryLoad(companion, out _);
        }
        return NativeLibrary.TryLoad(candidate, out handle);
    }
}
