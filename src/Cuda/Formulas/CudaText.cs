using System.Globalization;
using System.Numerics;
using System.Text;
using MiniGrad.Backends;

namespace MiniGrad.Cuda.Formulas;

/// <summary>
/// A number of which only the name is known. A formula evaluated on it does no arithmetic: every operation writes a line of CUDA C, so that
/// the text of a kernel comes out of the same C# method as the SIMD loop.
/// </summary>
/// <remarks>
/// Each result gets a name of its own (<c>const real t2 = Exp(t1);</c>), so that what a C# variable holds is computed once. The functions
/// called, such as Exp, are those of Kernels/prelude.cu, which have the names of <see cref="IReal{V, T}"/>.
/// </remarks>
internal readonly struct CudaText<T>(string name) : IReal<CudaText<T>, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public string Name { get; } = name;

    public static CudaText<T> Splat(T value) => new(FormulaWriter.Current.Constant(value));

    public static CudaText<T> operator +(CudaText<T> a, CudaText<T> b) => Let($"{a.Name} + {b.Name}");

    public static CudaText<T> operator -(CudaText<T> a, CudaText<T> b) => Let($"{a.Name} - {b.Name}");

    public static CudaText<T> operator *(CudaText<T> a, CudaText<T> b) => Let($"{a.Name} * {b.Name}");

    public static CudaText<T> operator /(CudaText<T> a, CudaText<T> b) => Let($"{a.Name} / {b.Name}");

    public static CudaText<T> operator -(CudaText<T> a) => Let($"-{a.Name}");

    public static CudaText<T> MultiplyAdd(CudaText<T> a, CudaText<T> b, CudaText<T> c) => Call("MultiplyAdd", a, b, c);

    public static CudaText<T> SelectGreater(CudaText<T> a, CudaText<T> b, CudaText<T> ifGreater, CudaText<T> otherwise) =>
        Call("SelectGreater", a, b, ifGreater, otherwise);

    public static CudaText<T> Max(CudaText<T> a, CudaText<T> b) => Call("Max", a, b);

    public static CudaText<T> Min(CudaText<T> a, CudaText<T> b) => Call("Min", a, b);

    public static CudaText<T> Abs(CudaText<T> x) => Call("Abs", x);

    public static CudaText<T> Sqrt(CudaText<T> x) => Call("Sqrt", x);

    public static CudaText<T> Exp(CudaText<T> x) => Call("Exp", x);

    public static CudaText<T> ExpM1(CudaText<T> x) => Call("ExpM1", x);

    public static CudaText<T> Log(CudaText<T> x) => Call("Log", x);

    public static CudaText<T> Log1P(CudaText<T> x) => Call("Log1P", x);

    public static CudaText<T> Tanh(CudaText<T> x) => Call("Tanh", x);

    public static CudaText<T> Erf(CudaText<T> x) => Call("Erf", x);

    private static CudaText<T> Call(string function, params ReadOnlySpan<CudaText<T>> arguments)
    {
        StringBuilder text = new(function);
        for (int i = 0; i < arguments.Length; i++)
        {
            text.Append(i == 0 ? "(" : ", ").Append(arguments[i].Name);
        }
        return Let(text.Append(')').ToString());
    }

    private static CudaText<T> Let(string expression) => new(FormulaWriter.Current.Let(expression));
}

/// <summary>Collects the lines that a formula writes.</summary>
/// <param name="constantsAreArguments">
/// Whether constants are read from the kernel's argument instead of being part of the text: so are those of formulas with fields, for
/// which another slope or learning rate then is the same kernel.
/// </param>
internal sealed class FormulaWriter(bool constantsAreArguments)
{
    [ThreadStatic]
    private static FormulaWriter? current;

    private readonly StringBuilder lines = new();
    private int names, constants;

    /// <summary>The writer of the formula that this thread is evaluating.</summary>
    public static FormulaWriter Current => current ?? throw new InvalidOperationException("No formula is being written.");

    /// <summary>
    /// The body of a function: the lines that <paramref name="formula"/> writes, then the return of its result.
    /// </summary>
    public static string Body(bool constantsAreArguments, Func<string> formula)
    {
        current = new FormulaWriter(constantsAreArguments);
        try
        {
            string result = formula();
            return $"{current.lines}    return {result};\n";
        }
        finally
        {
            current = null;
        }
    }

    public string Let(string expression)
    {
        string name = $"t{names++}";
        lines.Append(CultureInfo.InvariantCulture, $"    const real {name} = {expression};\n");
        return name;
    }

    public string Constant<T>(T value)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        constantsAreArguments ? $"c.values[{constants++}]" : T.IsFinite(value) ? Finite(value) : NotFinite(value);

    // The shortest digits that read back as the same number.
    private static string Finite<T>(T value)
        where T : unmanaged, IFloatingPointIeee754<T> => $"real({value.ToString("R", CultureInfo.InvariantCulture)})";

    private static string NotFinite<T>(T value)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        T.IsNaN(value) ? "NotANumber()" : T.IsNegative(value) ? "-Infinity()" : "Infinity()";
}
