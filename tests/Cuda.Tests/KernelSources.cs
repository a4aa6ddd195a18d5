using System.Numerics;
using System.Reflection;
using MiniGrad.Backends;
using MiniGrad.Cuda.Formulas;
using MiniGrad.Ops;

namespace MiniGrad.Cuda.Tests;

/// <summary>The source of every kernel: of each formula and fused kernel in the product's assemblies, for both element types.</summary>
internal static class KernelSources
{
    private static readonly Type[] Families =
        [typeof(IUnaryOp<>), typeof(IBinaryOp<>), typeof(IReduction<>), typeof(IUpdateRule<>), typeof(IKernel<>)];

    private static readonly Type[] Definitions = [.. new[] { typeof(Tape<>).Assembly, typeof(AddExtensions).Assembly }
        .SelectMany(assembly => assembly.GetTypes())
        .Where(type => type is { IsValueType: true, IsGenericTypeDefinition: true })];

    /// <summary>A name for each.</summary>
    public static IEnumerable<string> Names => Closed<float>().Select(NameOf).Append("Copies").Order();

    /// <summary>Fused kernels, closed over every choice that their type parameters allow.</summary>
    public static IEnumerable<Type> FusedKernels<T>()
        where T : unmanaged, IFloatingPointIeee754<T> => Closed<T>().Where(type => Implements(type, typeof(IKernel<T>)));

    /// <summary>The text for NVRTC; null for a fused kernel without a source for devices.</summary>
    public static string? Of<T>(string name)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (name == "Copies")
        {
            return KernelCache<T>.Source("", "copies");
        }
        Type type = Closed<T>().Single(found => NameOf(found) == name);
        string? functions = Functions<T>(type, out string template);
        return functions is null ? null : KernelCache<T>.Source(functions, template);
    }

    /// <summary>The device source of a fused kernel.</summary>
    public static string? DeviceSource<T>(Type kernel)
        where T : unmanaged, IFloatingPointIeee754<T> => (string?)typeof(KernelSources)
            .GetMethod(nameof(SourceOf), BindingFlags.Static | BindingFlags.NonPublic)!
            .MakeGenericMethod(typeof(T), kernel).Invoke(null, null);

    private static string? Functions<T>(Type type, out string template)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (template, string? writer) = Implements(type, typeof(IUnaryOp<T>)) ? ("map", nameof(Formula.Unary))
            : Implements(type, typeof(IBinaryOp<T>)) ? ("zip", nameof(Formula.Binary))
            : Implements(type, typeof(IReduction<T>)) ? ("reduce", nameof(Formula.Reduction))
            : Implements(type, typeof(IUpdateRule<T>)) ? ("update", nameof(Formula.Rule))
            : ("run", (string?)null);
        if (writer is null)
        {
            return DeviceSource<T>(type);
        }
        MethodInfo method = typeof(Formula).GetMethod(writer)!.MakeGenericMethod(typeof(T), type);
        return (string)method.Invoke(null, [Activator.CreateInstance(type)])!;
    }

    private static string? SourceOf<T, TKernel>()
        where T : unmanaged, IFloatingPointIeee754<T>
        where TKernel : unmanaged, IKernel<T> => TKernel.DeviceSource;

    private static IEnumerable<Type> Closed<T>() => Definitions.Where(definition => Families.Any(
        family => definition.GetInterfaces().Any(found => found.IsGenericType && found.GetGenericTypeDefinition() == family)))
        .SelectMany(definition => Close(definition, typeof(T)));

    /// <summary>The first type parameter is the element type; others are choices, made in every way.</summary>
    private static IEnumerable<Type> Close(Type definition, Type element)
    {
        IEnumerable<Type[]> choices = [[element]];
        foreach (Type parameter in definition.GetGenericArguments().Skip(1))
        {
            Type[] candidates = [.. definition.Assembly.GetTypes().Where(type =>
                type is { IsValueType: true, IsGenericTypeDefinition: false } &&
                parameter.GetGenericParameterConstraints().Where(constraint => constraint.IsInterface).All(type.IsAssignableTo))];
            choices = [.. choices.SelectMany(chosen => candidates.Select(candidate => (Type[])[.. chosen, candidate]))];
        }
        return choices.Select(arguments => definition.MakeGenericType(arguments));
    }

    private static bool Implements(Type type, Type contract) => type.IsAssignableTo(contract);

    private static string NameOf(Type type) => type.Name.Split('`')[0] +
        string.Concat(type.GetGenericArguments().Skip(1).Select(argument => "." + argument.Name));
}
