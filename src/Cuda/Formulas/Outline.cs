using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Cuda.Formulas;

/// <summary>The constants of a formula with fields, in the order in which it uses them: what its kernel is given at each launch.</summary>
[InlineArray(Capacity)]
internal struct FormulaConstants<T>
    where T : unmanaged
{
    public const int Capacity = 24;

    private T first;
}

/// <summary>
/// A number of which only the origin is known, as a hash. A formula evaluated on it does no arithmetic: it tells its constants, in the
/// same order as it tells them to <see cref="CudaText{T}"/>, and the hash of the result says whether the text would be the one compiled
/// before. Cheap enough for every launch.
/// </summary>
internal readonly struct Outline<T>(ulong hash) : IReal<Outline<T>, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    [ThreadStatic]
    private static FormulaConstants<T> constants;

    [ThreadStatic]
    private static int count;

    [ThreadStatic]
    private static bool constantsAreArguments;

    /// <summary>The constants used since <see cref="Begin"/>.</summary>
    public static FormulaConstants<T> Constants => constants;

    /// <summary>How the number was computed.</summary>
    public ulong Hash { get; } = hash;

    /// <summary>Starts to collect constants.</summary>
    /// <param name="asArguments">Whether they are arguments of the kernel, so that their values do not count for the hash.</param>
    public static void Begin(bool asArguments)
    {
        (count, constantsAreArguments) = (0, asArguments);
        constants = default; // No left-overs, so that equal launches are equal to the last byte.
    }

    public static Outline<T> Splat(T value)
    {
        if (!constantsAreArguments)
        {
            return new(Mix(1, BitConverter.DoubleToUInt64Bits(double.CreateTruncating(value))));
        }
        if (count == FormulaConstants<T>.Capacity)
        {
            throw new NotSupportedException($"A formula has more than {FormulaConstants<T>.Capacity} constants.");
        }
        constants[count] = value;
        return new(Mix(2, (ulong)count++));
    }

    public static Outline<T> operator +(Outline<T> a, Outline<T> b) => new(Mix(Mix(3, a.Hash), b.Hash));

    public static Outline<T> operator -(Outline<T> a, Outline<T> b) => new(Mix(Mix(4, a.Hash), b.Hash));

    public static Outline<T> operator *(Outline<T> a, Outline<T> b) => new(Mix(Mix(5, a.Hash), b.Hash));

    public static Outline<T> operator /(Outline<T> a, Outline<T> b) => new(Mix(Mix(6, a.Hash), b.Hash));

    public static Outline<T> operator -(Outline<T> a) => new(Mix(7, a.Hash));

    public static Outline<T> MultiplyAdd(Outline<T> a, Outline<T> b, Outline<T> c) => new(Mix(Mix(Mix(8, a.Hash), b.Hash), c.Hash));

    public static Outline<T> SelectGreater(Outline<T> a, Outline<T> b, Outline<T> ifGreater, Outline<T> otherwise) =>
        new(Mix(Mix(Mix(Mix(9, a.Hash), b.Hash), ifGreater.Hash), otherwise.Hash));

    public static Outline<T> Max(Outline<T> a, Outline<T> b) => new(Mix(Mix(10, a.Hash), b.Hash));

    public static Outline<T> Min(Outline<T> a, Outline<T> b) => new(Mix(Mix(11, a.Hash), b.Hash));

    public static Outline<T> Abs(Outline<T> x) => new(Mix(12, x.Hash));

    public static Outline<T> Sqrt(Outline<T> x) => new(Mix(13, x.Hash));

    public static Outline<T> Exp(Outline<T> x) => new(Mix(14, x.Hash));

    public static Outline<T> ExpM1(Outline<T> x) => new(Mix(15, x.Hash));

    public static Outline<T> Log(Outline<T> x) => new(Mix(16, x.Hash));

    public static Outline<T> Log1P(Outline<T> x) => new(Mix(17, x.Hash));

    public static Outline<T> Tanh(Outline<T> x) => new(Mix(18, x.Hash));

    public static Outline<T> Erf(Outline<T> x) => new(Mix(19, x.Hash));

    // A step of the FNV hash, on words; the shift lets high bits reach low ones.
    private static ulong Mix(ulong hash, ulong next)
    {
        ulong mixed = (hash ^ next) * 0x9E3779B97F4A7C15;
        return mixed ^ (mixed >> 29);
    }
}
