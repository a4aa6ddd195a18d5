namespace MiniGrad;

/// <summary>
/// Derivatives from central differences, extrapolated to step zero (Richardson; Ridders 1982, "Accurate computation of F'(x) and F'(x)
/// F''(x)"). The difference
/// <code>
/// D(h) = (f(x + h) - f(x - h)) / 2h = f'(x) + c2 h^2 + c4 h^4 + ...
/// </code>
/// has even powers of h only. Halving h and combining, D_k(h/2) = (4^k D_(k-1)(h/2) - D_(k-1)(h)) / (4^k - 1), removes one power after the
/// other, so that a large step, at which rounding hardly counts, gives ten digits and more. What two neighbouring combinations differ by
/// estimates the error.
/// </summary>
internal sealed class FiniteDifference
{
    private const int MaxRows = 6;
    private const int MinRows = 3;

    private FiniteDifference(int length)
    {
        Value = new double[length];
        Error = new double[length];
        Step = new double[length];
        Array.Fill(Error, double.PositiveInfinity);
        Array.Fill(Value, double.NaN);
    }

    /// <summary>The derivatives.</summary>
    public double[] Value { get; }

    /// <summary>Estimates of their errors.</summary>
    public double[] Error { get; }

    /// <summary>The smallest step in each derivative.</summary>
    public double[] Step { get; }

    /// <summary>
    /// Extrapolates from large steps, and where that does not settle (a kink or a pole within reach), again from ever smaller ones.
    /// </summary>
    /// <param name="quotient">D(h), for one or several functions.</param>
    /// <param name="firstStep">The largest step.</param>
    /// <param name="smallestStep">Where to stop starting again.</param>
    /// <param name="absolute">An error that needs no further row, beside <paramref name="relative"/>.</param>
    /// <param name="relative">The same, relative to the derivative.</param>
    public static FiniteDifference Of(
        Func<double, double[]> quotient, double firstStep, double smallestStep, double absolute, double relative)
    {
        FiniteDifference? best = null;
        double start = firstStep;
        do
        {
            double[][] previous = [quotient(start)];
            best ??= new FiniteDifference(previous[0].Length);
            best.Refine(quotient, previous, start, absolute, relative);
            start /= 32;
        }
        while (start >= smallestStep && !best.IsSettled(absolute, relative));
        return best;
    }

    private void Refine(Func<double, double[]> quotient, double[][] previous, double step, double absolute, double relative)
    {
        for (int row = 1; row < MaxRows; row++)
        {
            step /= 2;
            double[][] current = new double[row + 1][];
            current[0] = quotient(step);
            double factor = 1;
            for (int order = 1; order <= row; order++)
            {
                factor *= 4;
                current[order] = Combine(current[order - 1], previous[order - 1], factor, step);
            }
            previous = current;
            if (row >= MinRows - 1 && IsSettled(absolute, relative))
            {
                return;
            }
        }
    }

    private double[] Combine(double[] fine, double[] coarse, double factor, double step)
    {
        double[] combined = new double[fine.Length];
        for (int i = 0; i < combined.Length; i++)
        {
            combined[i] = ((factor * fine[i]) - coarse[i]) / (factor - 1);
            double error = Math.Max(Math.Abs(combined[i] - fine[i]), Math.Abs(combined[i] - coarse[i]));
            if (error < Error[i])
            {
                (Value[i], Error[i], Step[i]) = (combined[i], error, step);
            }
        }
        return combined;
    }

    private bool IsSettled(double absolute, double relative)
    {
        for (int i = 0; i < Value.Length; i++)
        {
            if (!(Error[i] <= 0.05 * (absolute + (relative * Math.Abs(Value[i])))))
            {
                return false;
            }
        }
        return true;
    }
}
