namespace MiniGrad.Training;

/// <summary>
/// A learning rate as a function of the step, counted from 0: <c>optimizer.LearningRate = schedule(optimizer.StepCount)</c> before each
/// step.
/// </summary>
/// <param name="step">How many steps were taken before.</param>
public delegate double Schedule(long step);

/// <summary>Learning-rate schedules. They hold no state, so that training resumes at any step.</summary>
public static class Schedules
{
    /// <summary>Always <paramref name="rate"/>.</summary>
    public static Schedule Constant(double rate)
    {
        HyperParameter.NotNegative(rate);
        return _ => rate;
    }

    /// <summary>
    /// Starts at <paramref name="rate"/> and is multiplied by <paramref name="factor"/> after every <paramref name="steps"/> steps.
    /// </summary>
    public static Schedule Step(double rate, long steps, double factor = 0.1)
    {
        HyperParameter.NotNegative(rate);
        HyperParameter.Count(steps);
        HyperParameter.NotNegative(factor);
        return step => rate * Math.Pow(factor, step / steps);
    }

    /// <summary>
    /// Falls from <paramref name="rate"/> to <paramref name="final"/> along half a cosine in <paramref name="steps"/> steps, then stays
    /// (Loshchilov and Hutter 2017).
    /// </summary>
    public static Schedule Cosine(double rate, long steps, double final = 0)
    {
        HyperParameter.NotNegative(rate);
        HyperParameter.Count(steps);
        HyperParameter.NotNegative(final);
        return step => final + ((rate - final) * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(step, steps) / steps)));
    }

    /// <summary>
    /// Rises in <paramref name="steps"/> equal steps to the first rate of <paramref name="then"/>, which follows: the first step takes
    /// 1/steps of that rate and step number <paramref name="steps"/> - 1 all of it.
    /// </summary>
    public static Schedule WarmUp(long steps, Schedule then)
    {
        HyperParameter.Count(steps);
        ArgumentNullException.ThrowIfNull(then);
        return step => step < steps ? then(0) * (step + 1) / steps : then(step - steps);
    }
}
