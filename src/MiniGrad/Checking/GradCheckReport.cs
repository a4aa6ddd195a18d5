using System.Globalization;
using System.Text;

namespace MiniGrad;

/// <summary>What two numbers of a report are.</summary>
public enum GradCheckKind
{
    /// <summary>The gradient's element against a finite difference.</summary>
    Element,

    /// <summary>The gradient times a random direction against the finite difference along it.</summary>
    Projection,

    /// <summary>Of order 2: forward mode's cotangent (J x') against reverse mode's (cotangent J) x'.</summary>
    JacobianVector,

    /// <summary>Of order 2: an element of the Hessian-vector product against a finite difference of gradients.</summary>
    HessianVector,
}

/// <summary>One comparison of <see cref="GradCheck"/>.</summary>
public sealed record GradCheckEntry
{
    /// <summary>The parameter's path or the input's name.</summary>
    public required string Name { get; init; }

    /// <summary>The shape of the parameter or input.</summary>
    public required Shape Shape { get; init; }

    /// <summary>What is compared.</summary>
    public required GradCheckKind Kind { get; init; }

    /// <summary>Which element, row-major; -1 where the comparison is of the whole.</summary>
    public int Index { get; init; } = -1;

    /// <summary>The finite difference; for <see cref="GradCheckKind.JacobianVector"/> reverse mode's number.</summary>
    public required double Expected { get; init; }

    /// <summary>What the backward pass gives, or forward mode.</summary>
    public required double Got { get; init; }

    /// <summary>The error allowed.</summary>
    public required double Allowed { get; init; }

    /// <summary>The error in units in the last place of the expected number, as one of the element type.</summary>
    public required double Ulps { get; init; }

    /// <summary>The smallest step in the difference; 0 where none was taken.</summary>
    public double Step { get; init; }

    /// <summary>Whether the one-sided derivatives differ: the input sits on a kink, where there is no derivative to compare with.</summary>
    public bool IsKink { get; init; }

    /// <summary>On a kink, the derivative from the left.</summary>
    public double Left { get; init; }

    /// <summary>On a kink, the derivative from the right.</summary>
    public double Right { get; init; }

    /// <summary>|got - expected|.</summary>
    public double AbsoluteError => Math.Abs(Got - Expected);

    /// <summary>The error relative to the larger of both numbers.</summary>
    public double RelativeError => AbsoluteError == 0 ? 0 : AbsoluteError / Math.Max(Math.Abs(Expected), Math.Abs(Got));

    /// <summary>
    /// Whether the error is over what is allowed; on a kink, whether the gradient is outside of both one-sided derivatives.
    /// </summary>
    public bool Failed => !(Excess <= Allowed);

    /// <summary>Name and index, such as <c>hidden.weight[2, 7]</c>.</summary>
    public string Position => Index < 0 ? Name : $"{Name}[{string.Join(", ", Coordinates())}]";

    internal double Severity => double.IsNaN(Excess) ? double.PositiveInfinity : Excess / Allowed;

    private double Excess => IsKink ? Math.Max(Math.Min(Left, Right) - Got, Got - Math.Max(Left, Right)) : AbsoluteError;

    private int[] Coordinates()
    {
        int[] coordinates = new int[Shape.Rank];
        int rest = Index;
        for (int axis = Shape.Rank - 1; axis >= 0; axis--)
        {
            rest = Math.DivRem(rest, Shape[axis], out coordinates[axis]);
        }
        return coordinates;
    }
}

/// <summary>The outcome of <see cref="GradCheck"/>. Prints as a table of the worst comparisons.</summary>
public sealed class GradCheckReport
{
    private const int Kept = 10;

    private readonly List<GradCheckEntry> worst = [], kinks = [];
    private readonly List<string> failedNames = [];

    internal GradCheckReport(string settings) => Settings = settings;

    /// <summary>Whether every comparison was within its tolerance, and forward and backward pass deterministic.</summary>
    public bool Passed => FailureCount == 0 && NonDeterminism is null && Comparisons > 0;

    /// <summary>How many numbers were compared.</summary>
    public int Comparisons { get; private set; }

    /// <summary>How many of them disagree.</summary>
    public int FailureCount { get; private set; }

    /// <summary>How many elements sit on a kink.</summary>
    public int KinkCount { get; private set; }

    /// <summary>The parameters and inputs with a wrong number, in the order they were checked.</summary>
    public IReadOnlyList<string> FailedNames => failedNames;

    /// <summary>The ten comparisons with the largest error in proportion to what is allowed, worst first; also when all passed.</summary>
    public IReadOnlyList<GradCheckEntry> Worst => worst;

    /// <summary>The first ten elements on a kink.</summary>
    public IReadOnlyList<GradCheckEntry> Kinks => kinks;

    /// <summary>What differed between two identical runs, if anything did.</summary>
    public string? NonDeterminism { get; internal set; }

    /// <summary>Element type, backend, tolerances and seed.</summary>
    public string Settings { get; }

    /// <summary>Throws, with the whole report as the message, unless the check passed.</summary>
    /// <exception cref="InvalidOperationException">The check failed.</exception>
    public void ThrowIfFailed()
    {
        if (!Passed)
        {
            throw new InvalidOperationException(ToString());
        }
    }

    /// <summary>The verdict, what is wrong, and the worst comparisons.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"Gradient check {(Passed ? "passed" : "FAILED")}: {FailureCount} of {Comparisons} comparisons disagree ({Settings}).");
        if (failedNames.Count > 0)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"Wrong: {string.Join(", ", failedNames)}.");
        }
        if (NonDeterminism is not null)
        {
            text.AppendLine(NonDeterminism);
        }
        if (worst.Count > 0)
        {
            int width = Math.Max(8, worst.Max(entry => entry.Position.Length));
            text.AppendLine(CultureInfo.InvariantCulture,
                $"  {"element".PadRight(width)}  {"compared",-14}  {"expected",16}  {"got",16}  " +
                $"{"abs error",9}  {"rel error",9}  {"ULP",9}  {"step",8}");
            foreach (GradCheckEntry entry in worst)
            {
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"{(entry.Failed ? '!' : ' ')} {entry.Position.PadRight(width)}  {entry.Kind,-14}  " +
                    $"{entry.Expected,16:g10}  {entry.Got,16:g10}  " +
                    $"{entry.AbsoluteError,9:g3}  {entry.RelativeError,9:g3}  {entry.Ulps,9:g3}  {entry.Step,8:g2}");
            }
        }
        if (KinkCount > 0)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"{KinkCount} sit on a kink: left and right derivative differ, and any number between them is accepted. " +
                $"Move the input to check it.");
            foreach (GradCheckEntry entry in kinks)
            {
                text.AppendLine(
                    CultureInfo.InvariantCulture, $"  {entry.Position}: left {entry.Left:g6}, right {entry.Right:g6}, got {entry.Got:g6}");
            }
        }
        return text.ToString();
    }

    internal void Add(GradCheckEntry entry)
    {
        Comparisons++;
        if (entry.Failed)
        {
            FailureCount++;
            if (!failedNames.Contains(entry.Name))
            {
                failedNames.Add(entry.Name);
            }
        }
        if (entry.IsKink)
        {
            KinkCount++;
            if (kinks.Count < Kept)
            {
                kinks.Add(entry);
            }
        }
        int at = worst.Count;
        while (at > 0 && worst[at - 1].Severity < entry.Severity)
        {
            at--;
        }
        if (at < Kept)
        {
            worst.Insert(at, entry);
            if (worst.Count > Kept)
            {
                worst.RemoveAt(Kept);
            }
        }
    }
}
