using System.Numerics;

namespace MiniGrad;

/// <summary>Checks that ops make of their operands.</summary>
public static class Operands
{
    /// <summary>The tape that both operands are on.</summary>
    /// <exception cref="InvalidOperationException">They are on different tapes.</exception>
    public static Tape<T> TapeOf<T>(string op, Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        a.Tape == b.Tape ? a.Tape : throw new InvalidOperationException(
            $"{op}: the operands, of shapes {a.Shape} and {b.Shape}, are on different tapes. " +
            "Make both on one tape; to carry a value over, copy it (tape.Constant(other.ToArray(), other.Shape)).");

    /// <summary>Throws unless <paramref name="tensor"/> has the shape that the op requires.</summary>
    /// <exception cref="ArgumentException">It has another shape.</exception>
    public static void RequireShape<T>(string op, string operand, Tensor<T> tensor, Shape required)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (tensor.Shape != required)
        {
            throw new ArgumentException($"{op}: {operand} has shape {tensor.Shape}, but must have {required}.");
        }
    }
}

/// <summary>The name of an op, from the type of its formula.</summary>
internal static class OpName
{
    public static string Of<TOp>() => Name<TOp>.Value;

    private static class Name<TOp>
    {
        public static readonly string Value = Strip(typeof(TOp).Name);
    }

    private static string Strip(string typeName)
    {
        int arity = typeName.IndexOf('`', StringComparison.Ordinal);
        string name = arity < 0 ? typeName : typeName[..arity];
        return name.EndsWith("Op", StringComparison.Ordinal) ? name[..^2] : name;
    }
}
