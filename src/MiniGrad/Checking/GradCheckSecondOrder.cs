using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad;

/// <summary>
/// The check of order 2. Forward over reverse on dual numbers gives, along a random direction x', both w (J x') and the tangents of the
/// gradients, H x'. The first must equal reverse mode's (w J) x' to rounding; the second is compared, element by element, with central
/// differences of the gradients along x'.
/// </summary>
internal sealed class GradCheckSecondOrder<T>(
    GradCheckSubject<T> subject, IDualBackend<T> dual, GradCheckOptions options, GradCheckReport report)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly GradCheckPrecision<T> precision = new(options);

    public void Run()
    {
        // Not the seed of the first order: cotangents and directions must be independent.
        Random random = new(options.Seed + 1);
        for (int projection = 0; projection < options.Projections; projection++)
        {
            T[][] direction = [.. subject.Differentiated.Select(leaf => Directions.Next<T>(random, leaf.Values.Length))];
            (double jvp, T[][] gradients, T[][] products) = subject.SecondOrder(dual, direction);
            CompareJvp(jvp, gradients, direction);
            CompareProducts(gradients, products, direction);
        }
    }

    private void CompareJvp(double jvp, T[][] gradients, T[][] direction)
    {
        double reverse = 0, terms = 0;
        for (int i = 0; i < gradients.Length; i++)
        {
            for (int k = 0; k < gradients[i].Length; k++)
            {
                double term = double.CreateChecked(gradients[i][k]) * double.CreateChecked(direction[i][k]);
                reverse += term;
                terms += Math.Abs(term);
            }
        }
        report.Add(new GradCheckEntry
        {
            Name = "forward mode",
            Shape = Shape.Scalar,
            Kind = GradCheckKind.JacobianVector,
            Expected = reverse,
            Got = jvp,
            Allowed = precision.Absolute + (precision.Relative * terms),
            Ulps = UnitsInLastPlace.Between<T>(jvp, reverse),
        });
    }

    private void CompareProducts(T[][] gradients, T[][] products, T[][] direction)
    {
        FiniteDifference difference;
        try
        {
            difference = FiniteDifference.Of(
                step => Quotient(direction, step), precision.FirstStep, precision.SmallestStep, precision.Absolute, precision.Relative);
        }
        finally
        {
            Move(direction, 0);
        }
        int at = 0;
        for (int i = 0; i < products.Length; i++)
        {
            double size = 0;
            foreach (T value in gradients[i])
            {
                size = Math.Max(size, Math.Abs(double.CreateChecked(value)));
            }
            for (int k = 0; k < products[i].Length; k++, at++)
            {
                double expected = difference.Value[at], got = double.CreateChecked(products[i][k]);
                report.Add(new GradCheckEntry
                {
                    Name = subject.Differentiated[i].Name,
                    Shape = subject.Differentiated[i].Parameter.Shape,
                    Kind = GradCheckKind.HessianVector,
                    Index = k,
                    Expected = expected,
                    Got = got,
                    Allowed = precision.Allowed(expected, got, size, difference.Step[at]),
                    Ulps = UnitsInLastPlace.Between<T>(got, expected),
                    Step = difference.Step[at],
                });
            }
        }
    }

    /// <summary>(g(x + t x') - g(x - t x')) / 2t for all gradients g, one after the other.</summary>
    private double[] Quotient(T[][] direction, double step)
    {
        Move(direction, step);
        T[][] above = subject.Gradients();
        Move(direction, -step);
        T[][] below = subject.Gradients();
        List<double> quotients = [];
        for (int i = 0; i < above.Length; i++)
        {
            for (int k = 0; k < above[i].Length; k++)
            {
                quotients.Add((double.CreateChecked(above[i][k]) - double.CreateChecked(below[i][k])) / (2 * step));
            }
        }
        return [.. quotients];
    }

    private void Move(T[][] direction, double t)
    {
        T step = T.CreateChecked(t);
        for (int i = 0; i < direction.Length; i++)
        {
            GradCheckSubject<T>.Leaf leaf = subject.Differentiated[i];
            T[] moved = new T[leaf.Values.Length];
            for (int k = 0; k < moved.Length; k++)
            {
                moved[k] = leaf.Values[k] + (step * direction[i][k]);
            }
            leaf.Parameter.Set(moved);
        }
    }
}

/// <summary>Random directions of the checker.</summary>
internal static class Directions
{
    /// <summary>
    /// Numbers of either sign between 1/2 and 1, of 10 bits, so that a step along them, itself a power of two, is hardly rounded even in
    /// float.
    /// </summary>
    public static T[] Next<T>(Random random, int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T[] direction = new T[length];
        for (int i = 0; i < length; i++)
        {
            direction[i] = T.CreateChecked(random.Next(512, 1025) / 1024.0 * (random.Next(2) == 0 ? 1 : -1));
        }
        return direction;
    }
}

/// <summary>Distances in units in the last place.</summary>
internal static class UnitsInLastPlace
{
    /// <summary>|a - b| in units of the distance from |b| to the next number of type <typeparamref name="T"/>.</summary>
    public static double Between<T>(double a, double b)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T magnitude = T.Abs(T.CreateChecked(b));
        return Math.Abs(a - b) / double.CreateChecked(T.BitIncrement(magnitude) - magnitude);
    }
}
