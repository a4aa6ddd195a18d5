using System.Globalization;
using System.Numerics;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace MiniGrad.Ops.Tests;

/// <summary>
/// Every op in the product's assembly, from the [GradCheck] attributes beside them: a new op is in every test that uses this table.
/// </summary>
public static class OpCases
{
    private static readonly Dictionary<string, OpCase> ByName =
        Methods.Select(found => new OpCase(found.Method, found.Case)).ToDictionary(op => op.Name);

    /// <summary>All cases, in a fixed order.</summary>
    public static IReadOnlyList<OpCase> All { get; } = [.. ByName.Values.OrderBy(op => op.Name, StringComparer.Ordinal)];

    /// <summary>The names of all cases, for <c>[MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]</c>.</summary>
    public static TheoryData<string> Names => [.. All.Select(op => op.Name)];

    public static OpCase Get(string name) => ByName[name];

    /// <summary>
    /// The methods that carry the attribute, once for each. Extension members count by the static method that they compile to; the nested
    /// types that mirror them for the compiler do not.
    /// </summary>
    public static IEnumerable<(MethodInfo Method, GradCheckAttribute Case)> Methods =>
        from type in typeof(AddExtensions).Assembly.GetTypes()
        where !type.FullName!.Contains('<', StringComparison.Ordinal)
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        from attribute in method.GetCustomAttributes<GradCheckAttribute>()
        select (method, attribute);
}

/// <summary>One op at given shapes: how to make its inputs and how to run it.</summary>
public sealed class OpCase
{
    private readonly GradCheckAttribute attribute;
    private readonly Func<Tensor<float>[], Tensor<float>> ofFloat;
    private readonly Func<Tensor<double>[], Tensor<double>> ofDouble;

    public OpCase(MethodInfo method, GradCheckAttribute attribute)
    {
        this.attribute = attribute;
        string op = method.DeclaringType!.Name.Replace("Extensions", "", StringComparison.Ordinal);
        string member = method.Name.Replace("op_", "", StringComparison.Ordinal);
        Name = $"{(op == member ? op : $"{op}.{member}")}({string.Join(", ", attribute.Shapes)})";
        Shapes = [.. attribute.Shapes.Select(Parse)];
        if (!method.IsGenericMethodDefinition || method.GetGenericArguments().Length != 1 || method.DeclaringType.IsGenericType)
        {
            throw new InvalidOperationException(
                $"{method.DeclaringType}.{method.Name}: a [GradCheck] case is a static method with one type argument, the element type.");
        }
        ofFloat = Compile<float>(method);
        ofDouble = Compile<double>(method);
    }

    public string Name { get; }

    public IReadOnlyList<Shape> Shapes { get; }

    /// <summary>
    /// Random numbers within the case's domain, one array for each argument; the same for the same seed. They are exact in float, so that a
    /// float and a double run compute the same thing.
    /// </summary>
    public T[][] Inputs<T>(int seed = 1)
        where T : unmanaged, IFloatingPointIeee754<T> => Inputs<T>(Shapes, seed);

    /// <summary>The same for arguments of other shapes than the case's own.</summary>
    public T[][] Inputs<T>(IReadOnlyList<Shape> shapes, int seed = 1)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Random random = new(seed);
        return [.. shapes.Select(shape => Enumerable.Range(0, shape.ElementCount).Select(_ => T.CreateChecked(Sample(random))).ToArray())];
    }

    /// <summary>Runs the op on the tape of its inputs.</summary>
    public Tensor<T> Invoke<T>(Tensor<T>[] inputs)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        ((Func<Tensor<T>[], Tensor<T>>)(typeof(T) == typeof(float) ? ofFloat : (object)ofDouble))(inputs);

    public override string ToString() => Name;

    private float Sample(Random random)
    {
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            float value = (float)(attribute.Low + (random.NextDouble() * (attribute.High - attribute.Low)));
            if (Math.Abs(value) >= attribute.AwayFromZero)
            {
                return value;
            }
        }
        throw new InvalidOperationException(
            $"{Name}: no number between {attribute.Low} and {attribute.High} is {attribute.AwayFromZero} away from zero.");
    }

    private static Shape Parse(string text) =>
        text.Length == 0 ? Shape.Scalar : new Shape([.. text.Split('x').Select(extent => int.Parse(extent, CultureInfo.InvariantCulture))]);

    /// <summary>
    /// A method (inputs) => op(inputs[0], inputs[1], ...) with optional arguments at their defaults. It is emitted, since reflection cannot
    /// pass the spans of <c>params ReadOnlySpan</c> arguments.
    /// </summary>
    private Func<Tensor<T>[], Tensor<T>> Compile<T>(MethodInfo definition)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        MethodInfo method = definition.MakeGenericMethod(typeof(T));
        ParameterInfo[] parameters = method.GetParameters();
        int tensors = parameters.TakeWhile(parameter => parameter.ParameterType == typeof(Tensor<T>)).Count();
        if (method.ReturnType != typeof(Tensor<T>) || tensors != Shapes.Count)
        {
            throw new InvalidOperationException(
                $"{Name}: {definition} takes {tensors} tensors first, the case has {Shapes.Count} shapes, " +
                "and the result must be a tensor.");
        }
        DynamicMethod call = new(Name, typeof(Tensor<T>), [typeof(Tensor<T>[])], typeof(OpCase).Module, skipVisibility: true);
        ILGenerator il = call.GetILGenerator();
        for (int i = 0; i < tensors; i++)
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldc_I4, i);
            il.Emit(OpCodes.Ldelem, typeof(Tensor<T>));
        }
        foreach (ParameterInfo parameter in parameters[tensors..])
        {
            EmitDefault(il, parameter);
        }
        il.Emit(OpCodes.Call, method);
        il.Emit(OpCodes.Ret);
        return call.CreateDelegate<Func<Tensor<T>[], Tensor<T>>>();
    }

    private void EmitDefault(ILGenerator il, ParameterInfo parameter)
    {
        object? value = parameter.HasDefaultValue ? parameter.DefaultValue : null;
        bool isParams = parameter.GetCustomAttributes().Any(found => found is ParamArrayAttribute or ParamCollectionAttribute);
        switch (value)
        {
            case double number:
                il.Emit(OpCodes.Ldc_R8, number);
                break;
            case float number:
                il.Emit(OpCodes.Ldc_R4, number);
                break;
            case bool or int or Enum:
                il.Emit(OpCodes.Ldc_I4, Convert.ToInt32(value, CultureInfo.InvariantCulture));
                break;
            case null when (isParams || parameter.HasDefaultValue) && parameter.ParameterType.IsValueType:
                LocalBuilder local = il.DeclareLocal(parameter.ParameterType);
                il.Emit(OpCodes.Ldloca, local);
                il.Emit(OpCodes.Initobj, parameter.ParameterType);
                il.Emit(OpCodes.Ldloc, local);
                break;
            case null when parameter.HasDefaultValue:
                il.Emit(OpCodes.Ldnull);
                break;
            default:
                throw new InvalidOperationException(
                    $"{Name}: argument {parameter.Name} is no tensor and has no default that is supported here; " +
                    "put [GradCheck] on a private method of tensors alone that fixes it.");
        }
    }
}
