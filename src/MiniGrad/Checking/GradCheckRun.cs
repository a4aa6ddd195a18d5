using System.Numerics;
using System.Runtime.InteropServices;

namespace MiniGrad;

/// <summary>
/// The check of order 1: with outputs y and random cotangents w, the gradients of the backward pass are those of the number w y, which
/// finite differences give too. The cotangents are random and not uniform, since under a plain sum a normalization has the gradient 0 and
/// wrong code passes.
/// </summary>
internal sealed class GradCheckRun<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly GradCheckSubject<T> subject;
    private readonly GradCheckOptions options;
    private readonly GradCheckPrecision<T> precision;
    private readonly GradCheckReport report;
    private readonly Random random;
    private readonly double[] y;
    private readonly double scale;
    private (double Left, double Right) slopes, widerSlopes;

    public GradCheckRun(GradCheckSubject<T> subject, GradCheckOptions options, GradCheckReport report)
    {
        (this.subject, this.options, this.report) = (subject, options, report);
        precision = new GradCheckPrecision<T>(options);
        random = new Random(options.Seed);
        subject.ChooseCotangents(random);
        y = subject.Outputs();
        scale = subject.Scale(y);
    }

    public void FirstOrder()
    {
        T[][] gradients = subject.Gradients();
        if (options.CheckDeterminism && !IsDeterministic(gradients))
        {
            return;
        }
        for (int i = 0; i < gradients.Length; i++)
        {
            CheckLeaf(subject.Differentiated[i], gradients[i]);
        }
    }

    private bool IsDeterministic(T[][] gradients)
    {
        if (!MemoryMarshal.AsBytes<double>(y).SequenceEqual(MemoryMarshal.AsBytes<double>(subject.Outputs())))
        {
            report.NonDeterminism = "Not deterministic: the function gives other outputs when it runs again on the same inputs. " +
                "Start its random numbers from the same " +
                "state at each call, or check it without them (Phase.Evaluation). Nothing else was checked.";
            return false;
        }
        T[][] again = subject.Gradients();
        for (int i = 0; i < gradients.Length; i++)
        {
            for (int k = 0; k < gradients[i].Length; k++)
            {
                if (!MemoryMarshal.AsBytes<T>(gradients[i].AsSpan(k, 1)).SequenceEqual(MemoryMarshal.AsBytes<T>(again[i].AsSpan(k, 1))))
                {
                    report.NonDeterminism =
                        $"Not deterministic: the backward pass gave {gradients[i][k]} and then {again[i][k]} for element {k} of " +
                        $"{subject.Differentiated[i].Name}. It reads memory that it did not write, or adds in an order that varies.";
                    return true;
                }
            }
        }
        return true;
    }

    private void CheckLeaf(GradCheckSubject<T>.Leaf leaf, T[] gradient)
    {
        double size = 0;
        foreach (T value in gradient)
        {
            size = Math.Max(size, Math.Abs(double.CreateChecked(value)));
        }
        if (gradient.Length <= options.ElementLimit)
        {
            for (int k = 0; k < gradient.Length; k++)
            {
                CheckElement(leaf, gradient, k, size);
            }
            return;
        }
        for (int sample = 0; sample < options.SampledElements; sample++)
        {
            CheckElement(leaf, gradient, random.Next(gradient.Length), size);
        }
        for (int projection = 0; projection < options.Projections; projection++)
        {
            CheckProjection(leaf, gradient, Directions.Next<T>(random, gradient.Length), size);
        }
    }

    private void CheckElement(GradCheckSubject<T>.Leaf leaf, T[] gradient, int k, double size)
    {
        T[] moved = (T[])leaf.Values.Clone();
        double x = double.CreateChecked(leaf.Values[k]);
        double Move(double t)
        {
            moved[k] = T.CreateChecked(x + t);
            leaf.Parameter.Set(moved);
            return double.CreateChecked(moved[k]) - x;
        }
        double unit = Math.Pow(2, Math.Ceiling(Math.Log2(Math.Max(1, Math.Abs(x)))));
        FiniteDifference difference = Differentiate(Move, unit);
        GradCheckEntry entry = Compare(
            leaf, GradCheckKind.Element, k, difference.Value[0], difference.Step[0], double.CreateChecked(gradient[k]));
        report.Add(Disagree(entry.Step, size, out _, out _) ? NearKink(leaf, entry, Move, unit, size) : entry);
        leaf.Parameter.Set(leaf.Values);
    }

    private void CheckProjection(GradCheckSubject<T>.Leaf leaf, T[] gradient, T[] direction, double size)
    {
        GradCheckEntry entry = Project(leaf, gradient, direction, 0, direction.Length);
        report.Add(entry);
        if (!entry.Failed)
        {
            return;
        }
        // Halve the direction towards the larger error until one element is left, so that the report can name it.
        int first = 0, end = direction.Length;
        while (end - first > 1)
        {
            int middle = first + ((end - first) / 2);
            double front = Project(leaf, gradient, direction, first, middle).AbsoluteError;
            double back = Project(leaf, gradient, direction, middle, end).AbsoluteError;
            (first, end) = back > front ? (middle, end) : (first, middle);
        }
        CheckElement(leaf, gradient, first, size);
    }

    /// <summary>
    /// The derivative along the elements of a direction from <paramref name="first"/> to <paramref name="end"/>, against the gradient's.
    /// </summary>
    private GradCheckEntry Project(GradCheckSubject<T>.Leaf leaf, T[] gradient, T[] direction, int first, int end)
    {
        T[] moved = (T[])leaf.Values.Clone();
        double Move(double t)
        {
            T step = T.CreateChecked(t);
            for (int k = first; k < end; k++)
            {
                moved[k] = leaf.Values[k] + (step * direction[k]);
            }
            leaf.Parameter.Set(moved);
            return t;
        }
        double got = 0;
        for (int k = first; k < end; k++)
        {
            got += double.CreateChecked(gradient[k]) * double.CreateChecked(direction[k]);
        }
        FiniteDifference difference = Differentiate(Move, 1);
        GradCheckEntry entry = Compare(leaf, GradCheckKind.Projection, -1, difference.Value[0], difference.Step[0], got);
        leaf.Parameter.Set(leaf.Values);
        return entry;
    }

    /// <summary>
    /// The derivative of w y where <paramref name="move"/> takes the input to x + t and returns the t that rounding made of it.
    /// </summary>
    private FiniteDifference Differentiate(Func<double, double> move, double unit) => FiniteDifference.Of(
        step => [Quotient(move, step)], precision.FirstStep * unit, precision.SmallestStep * unit, precision.Absolute, precision.Relative);

    private double Quotient(Func<double, double> move, double step)
    {
        double up = move(step);
        double[] above = subject.Outputs();
        double down = move(-step);
        double[] below = subject.Outputs();
        widerSlopes = slopes;
        slopes = (subject.Difference(below, y) / down, subject.Difference(above, y) / up);
        return subject.Difference(above, below) / (up - down);
    }

    private GradCheckEntry Compare(
        GradCheckSubject<T>.Leaf leaf, GradCheckKind kind, int index, double expected, double step, double got) => new()
        {
            Name = leaf.Name,
            Shape = leaf.Parameter.Shape,
            Kind = kind,
            Index = index,
            Expected = expected,
            Got = got,
            Allowed = precision.Allowed(expected, got, scale, step),
            Ulps = UnitsInLastPlace.Between<T>(got, expected),
            Step = step,
        };

    /// <summary>
    /// Looks again, close to a point around which the one-sided derivatives differ. If they still do, it sits on a kink; if not, the kink
    /// is nearby, and the difference that stays clear of it counts.
    /// </summary>
    private GradCheckEntry NearKink(
        GradCheckSubject<T>.Leaf leaf, GradCheckEntry entry, Func<double, double> move, double unit, double size)
    {
        double step = precision.OneSidedStep * unit;
        Quotient(move, step);
        double clear = Quotient(move, step / 2);
        if (Disagree(step, size, out double left, out double right))
        {
            return entry with { IsKink = true, Left = left, Right = right };
        }
        return entry.Failed ? Compare(leaf, entry.Kind, entry.Index, clear, step / 2, entry.Got) : entry;
    }

    /// <summary>Whether left and right derivative differ, each extrapolated once, 2 S(h/2) - S(h), from the last two steps.</summary>
    private bool Disagree(double step, double size, out double left, out double right)
    {
        left = (2 * slopes.Left) - widerSlopes.Left;
        right = (2 * slopes.Right) - widerSlopes.Right;
        double threshold = Math.Max(1e-3, 10 * precision.Relative) * Math.Max(size, Math.Max(Math.Abs(left), Math.Abs(right)));
        return Math.Abs(right - left) > threshold + (100 * precision.Absolute) + (20 * precision.Epsilon * scale / step);
    }
}
