using System.Runtime.CompilerServices;
using MiniGrad.Cuda.Formulas;

namespace MiniGrad.Cuda;

// The arguments of the kernels in Kernels/*.cu, field by field: a kernel takes one struct, by value.

internal readonly record struct MapArguments<T>(
    nint X, nint Dy, nint Y, int Length, int Packs, int Accumulate, FormulaConstants<T> Constants)
    where T : unmanaged;

internal readonly record struct ZipArguments<T>(nint A, nint B, nint Y, int Length, int Packs, Axes Axes, FormulaConstants<T> Constants)
    where T : unmanaged;

internal readonly record struct ZipVjpArguments<T>(
    nint A, nint B, nint Dy, nint Da, nint Db, int Length, int Packs, int AccumulateA, int AccumulateB, Axes Axes,
    FormulaConstants<T> Constants)
    where T : unmanaged;

internal readonly record struct ReduceArguments<T>(
    nint X, nint Y, int Outer, int Length, int Inner, int Step, int Accumulate, T Scale, T Identity)
    where T : unmanaged;

internal readonly record struct UpdateEntry(nint Value, nint Gradient, nint State0, nint State1, int Length, int Packs, int FirstBlock);

[InlineArray(Capacity)]
internal struct UpdateEntries
{
    public const int Capacity = 32;

    private UpdateEntry first;
}

internal readonly struct UpdateArguments<T>(UpdateEntries entries, int count, FormulaConstants<T> constants)
    where T : unmanaged
{
    public readonly UpdateEntries Entries = entries;
    public readonly int Count = count;
    public readonly FormulaConstants<T> Constants = constants;
}

internal readonly record struct FillArguments<T>(nint Y, int Length, T Value)
    where T : unmanaged;

internal readonly record struct CopyArguments<T>(nint X, nint Y, int Length, int Accumulate, T Scale, Axes Axes)
    where T : unmanaged;

internal readonly record struct RowsArguments(nint X, nint Y, nint Indices, int Rows, int RowLength);

internal readonly record struct RunArguments<TKernel>(TKernel Kernel, int Items, int Grain)
    where TKernel : unmanaged;
