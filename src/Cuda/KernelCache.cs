using System.Collections.Concurrent;
using System.Numerics;
using System.Text;

namespace MiniGrad.Cuda;

/// <summary>The kernels compiled so far. Each is compiled when it is first used, together with those of the same source.</summary>
/// <typeparam name="T">What <c>real</c> is in their sources.</typeparam>
internal sealed class KernelCache<T>(CudaDevice device) : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private static readonly ConcurrentDictionary<string, string> Templates = new();

    private readonly KernelCompiler compiler = new(device.Major, device.Minor);
    private readonly Dictionary<string, ModuleHandle> modules = [];
    private readonly Dictionary<(Type Type, string Entry, ulong Hash), Kernel> kernels = [];

    /// <summary>Finds the kernel <paramref name="entry"/> for a type of formula, and the hash of its text if it has several.</summary>
    public bool TryGet(Type type, string entry, out Kernel kernel, ulong hash = 0) => kernels.TryGetValue((type, entry, hash), out kernel);

    /// <summary>Compiles the kernel from the functions of its formula and one of the files in Kernels.</summary>
    public Kernel Load(Type type, string entry, string template, string functions, ulong hash = 0)
    {
        string source = Source(functions, template);
        if (!modules.TryGetValue(source, out ModuleHandle? module))
        {
            module = new ModuleHandle(device.Context, compiler.Compile(NameOf(type), source));
            modules.Add(source, module);
        }
        Kernel kernel = new($"{entry} of {NameOf(type)}", module.Function(Encoding.UTF8.GetBytes(entry + '\0')));
        kernels.Add((type, entry, hash), kernel);
        return kernel;
    }

    /// <summary>The whole text that the compiler gets.</summary>
    public static string Source(string functions, string template) =>
        $"typedef {(typeof(T) == typeof(float) ? "float" : "double")} real;\n{Template("prelude")}\n{functions}\n{Template(template)}";

    public void Dispose()
    {
        foreach (ModuleHandle module in modules.Values)
        {
            module.Dispose();
        }
    }

    private static string Template(string name) => Templates.GetOrAdd(name, static name =>
    {
        using Stream stream = typeof(KernelCache<T>).Assembly.GetManifestResourceStream(name + ".cu")
            ?? throw new InvalidOperationException($"The assembly lacks the kernels {name}.cu.");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    });

    private static string NameOf(Type type)
    {
        int arity = type.Name.IndexOf('`', StringComparison.Ordinal);
        return $"{(arity < 0 ? type.Name : type.Name[..arity])}_{(typeof(T) == typeof(float) ? "float" : "double")}";
    }
}
