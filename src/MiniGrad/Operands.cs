using System.Numerics;

namespace MiniGrad;

/// <summary>Checks that ops make of their operands.</summary>
public static class Operands
{
    /// <summary>
    /// The tape that all operands are on. Every op calls this first, so that a bad operand is reported under the op's name.
    /// </summary>
    /// <exception cref="InvalidOperationException">An operand is stale or <c>default</c>, or they are on different tapes.</exception>
    public static Tape<T> TapeOf<T>(string op, params ReadOnlySpan<Tensor<T>> operands)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tape<T> tape = TapeOf(op, operands[0]);
        foreach (ref readonly Tensor<T> operand in operands[1..])
        {
            RequireSame(op, tape, operands[0], operand);
        }
        return tape;
    }

    /// <inheritdoc cref="TapeOf{T}(string, ReadOnlySpan{Tensor{T}})"/>
    public static Tape<T> TapeOf<T>(string op, Tensor<T> first, Tensor<T> second)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tape<T> tape = TapeOf(op, first);
        RequireSame(op, tape, first, second);
        return tape;
    }

    /// <inheritdoc cref="TapeOf{T}(string, ReadOnlySpan{Tensor{T}})"/>
    public static Tape<T> TapeOf<T>(string op, Tensor<T> operand)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tape<T> tape = operand.TapeFor(op);
        tape.Tensors.RequireFresh(operand, op);
        return tape;
    }

    /// <summary>The shape of an operand, where an op needs it before <see cref="TapeOf{T}(string, ReadOnlySpan{Tensor{T}})"/>.</summary>
    /// <exception cref="InvalidOperationException">The operand is stale or <c>default</c>; reported under the op's name.</exception>
    public static Shape ShapeOf<T>(string op, Tensor<T> operand)
        where T : unmanaged, IFloatingPointIeee754<T> => TapeOf(op, operand).Tensors[operand].Shape;

    /// <summary>Throws unless <paramref name="tensor"/> has the shape that the op requires.</summary>
    /// <exception cref="ArgumentException">It has another shape.</exception>
    public static void RequireShape<T>(string op, string operand, Tensor<T> tensor, Shape required)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Shape shape = ShapeOf(op, tensor);
        if (shape != required)
        {
            throw new ArgumentException($"{op}: {operand} has shape {shape}, but must have {required}.");
        }
    }

    private static void RequireSame<T>(string op, Tape<T> tape, Tensor<T> first, Tensor<T> operand)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (operand.TapeFor(op) != tape)
        {
            ThrowDifferent(op, first, operand);
        }
        tape.Tensors.RequireFresh(operand, op);
    }

    private static void ThrowDifferent<T>(string op, Tensor<T> first, Tensor<T> operand)
        where T : unmanaged, IFloatingPointIeee754<T> => throw new InvalidOperationException(
            $"{op}: the operands, of shapes {first.Shape} and {operand.Shape}, are on different tapes. " +
            "Make both on one tape; to carry a value over, copy it (tape.Constant(other.ToArray(), other.Shape)).");

    /// <summary>Throws unless host data has as many elements as a shape.</summary>
    /// <exception cref="ArgumentException">It has more or fewer.</exception>
    internal static void RequireCount(string op, int count, Shape shape)
    {
        if (count != shape.ElementCount)
        {
            throw new ArgumentException(
                $"{op}: the host has {count} elements, but shape {shape} has {shape.ElementCount}: they must be as many.");
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
