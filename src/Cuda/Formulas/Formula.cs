using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Cuda.Formulas;

/// <summary>One reading of a formula at a launch: which text it has, and its constants.</summary>
/// <param name="Hash">The same for formulas of one type that have the same text.</param>
/// <param name="Constants">What the kernel is given, for a formula with fields.</param>
internal readonly record struct FormulaReading<T>(ulong Hash, FormulaConstants<T> Constants)
    where T : unmanaged;

/// <summary>The functions of a kernel that a formula is read as, and the readings that go with each launch.</summary>
/// <remarks>
/// Constants of formulas with fields are arguments of the kernel, so that another slope or learning rate is not another kernel. Fields that
/// decide what is computed, such as an integer exponent, are: the hash tells.
/// </remarks>
internal static class Formula
{
    /// <summary>forward(x, c) and vjp(saved, dy, c).</summary>
    public static string Unary<T, TOp>(TOp op)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IUnaryOp<T> => $$"""
        constexpr bool reads_saved = {{(TOp.Saves == Saves.Nothing ? "false" : "true")}};
        DEVICE real forward(real x, const Constants& c)
        {
        {{FormulaWriter.Body(HasFields<TOp>(), () => op.Forward(new CudaText<T>("x")).Name)}}}
        DEVICE real vjp(real saved, real dy, const Constants& c)
        {
        {{FormulaWriter.Body(HasFields<TOp>(), () => op.Vjp(new CudaText<T>("saved"), new CudaText<T>("dy")).Name)}}}

        """;

    public static FormulaReading<T> ReadForward<T, TOp>(TOp op)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IUnaryOp<T>
    {
        Outline<T>.Begin(HasFields<TOp>());
        return new(op.Forward(Input<T>(0)).Hash, Outline<T>.Constants);
    }

    public static FormulaReading<T> ReadVjp<T, TOp>(TOp op)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IUnaryOp<T>
    {
        Outline<T>.Begin(HasFields<TOp>());
        return new(op.Vjp(Input<T>(0), Input<T>(1)).Hash, Outline<T>.Constants);
    }

    /// <summary>forward(a, b, c) and vjp(a, b, dy, c).</summary>
    public static string Binary<T, TOp>(TOp op)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IBinaryOp<T> => $$"""
        constexpr bool reads_operands = {{(TOp.VjpReadsOperands ? "true" : "false")}};
        DEVICE real forward(real a, real b, const Constants& c)
        {
        {{FormulaWriter.Body(HasFields<TOp>(), () => op.Forward(new CudaText<T>("a"), new CudaText<T>("b")).Name)}}}
        DEVICE Two vjp(real a, real b, real dy, const Constants& c)
        {
        {{FormulaWriter.Body(HasFields<TOp>(), () => Two(op.Vjp(new CudaText<T>("a"), new CudaText<T>("b"), new CudaText<T>("dy"))))}}}

        """;

    public static FormulaReading<T> ReadZip<T, TOp>(TOp op)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IBinaryOp<T>
    {
        Outline<T>.Begin(HasFields<TOp>());
        return new(op.Forward(Input<T>(0), Input<T>(1)).Hash, Outline<T>.Constants);
    }

    public static FormulaReading<T> ReadZipVjp<T, TOp>(TOp op)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IBinaryOp<T>
    {
        Outline<T>.Begin(HasFields<TOp>());
        (Outline<T> da, Outline<T> db) = op.Vjp(Input<T>(0), Input<T>(1), Input<T>(2));
        return new((da + db).Hash, Outline<T>.Constants);
    }

    /// <summary>combine(a, b).</summary>
    public static string Reduction<T, TReduction>(TReduction reduction)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TReduction : unmanaged, IReduction<T> => $$"""
        DEVICE real combine(real a, real b)
        {
        {{FormulaWriter.Body(false, () => reduction.Combine(new CudaText<T>("a"), new CudaText<T>("b")).Name)}}}

        """;

    /// <summary>update(value, gradient, state0, state1, c).</summary>
    public static string Rule<T, TRule>(TRule rule)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : unmanaged, IUpdateRule<T> => $$"""
        constexpr int states = {{TRule.StateCount}};
        DEVICE Three update(real value, real gradient, real state0, real state1, const Constants& c)
        {
        {{FormulaWriter.Body(HasFields<TRule>(), () => Three(rule.Update(
            new CudaText<T>("value"), new CudaText<T>("gradient"), new CudaText<T>("state0"), new CudaText<T>("state1"))))}}}

        """;

    public static FormulaReading<T> ReadRule<T, TRule>(TRule rule)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : unmanaged, IUpdateRule<T>
    {
        Outline<T>.Begin(HasFields<TRule>());
        (Outline<T> value, Outline<T> state0, Outline<T> state1) = rule.Update(Input<T>(0), Input<T>(1), Input<T>(2), Input<T>(3));
        return new((value + state0 + state1).Hash, Outline<T>.Constants);
    }

    private static Outline<T> Input<T>(ulong number)
        where T : unmanaged, IFloatingPointIeee754<T> => new(number);

    // A struct without fields has one byte.
    private static bool HasFields<TFormula>() => Unsafe.SizeOf<TFormula>() > 1;

    private static string Two<T>((CudaText<T> A, CudaText<T> B) result)
        where T : unmanaged, IFloatingPointIeee754<T> => $"Two{{{result.A.Name}, {result.B.Name}}}";

    private static string Three<T>((CudaText<T> A, CudaText<T> B, CudaText<T> C) result)
        where T : unmanaged, IFloatingPointIeee754<T> => $"Three{{{result.A.Name}, {result.B.Name}, {result.C.Name}}}";
}
