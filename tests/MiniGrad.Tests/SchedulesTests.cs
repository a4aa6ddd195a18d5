using MiniGrad.Training;

namespace MiniGrad.Tests;

public class SchedulesTests
{
    [Fact]
    public void Constant_stays() => Assert.Equal(Values(Schedules.Constant(0.3), 0, 1, 1_000_000), [0.3, 0.3, 0.3], Close);

    [Fact]
    public void Step_falls_by_its_factor_at_every_multiple() =>
        Assert.Equal(Values(Schedules.Step(1, steps: 3, factor: 0.1), 0, 2, 3, 5, 6, 9), [1, 1, 0.1, 0.1, 0.01, 0.001], Close);

    [Fact]
    public void Cosine_falls_from_rate_to_final_and_stays() =>
        Assert.Equal(
            Values(Schedules.Cosine(1, steps: 4, final: 0.2), 0, 1, 2, 3, 4, 5, 100),
            [1, 0.6 + (0.4 * Math.Sqrt(0.5)), 0.6, 0.6 - (0.4 * Math.Sqrt(0.5)), 0.2, 0.2, 0.2], Close);

    [Fact]
    public void Warm_up_rises_to_the_first_rate_of_what_follows() =>
        Assert.Equal(
            Values(Schedules.WarmUp(4, Schedules.Step(2, steps: 2, factor: 0.5)), 0, 1, 2, 3, 4, 5, 6), [0.5, 1, 1.5, 2, 2, 2, 1], Close);

    [Fact]
    public void Settings_out_of_range_are_refused_by_name()
    {
        Assert.Contains("rate is -1", Assert.Throws<ArgumentOutOfRangeException>(() => Schedules.Constant(-1)).Message);
        Assert.Contains("steps is 0", Assert.Throws<ArgumentOutOfRangeException>(() => Schedules.Cosine(1, 0)).Message);
        Assert.Contains("factor is NaN", Assert.Throws<ArgumentOutOfRangeException>(() => Schedules.Step(1, 1, double.NaN)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Schedules.WarmUp(0, Schedules.Constant(1)));
    }

    private static bool Close(double a, double b) => Math.Abs(a - b) < 1e-15;

    private static double[] Values(Schedule schedule, params long[] steps) => [.. steps.Select(step => schedule(step))];
}
