using MiniGrad.Samples.Compare;

namespace MiniGrad.Samples.Tests.Compare;

public sealed class ScheduleTests
{
    [Theory]
    [InlineData(1, 10, 1, 1)]
    [InlineData(2, 10, 2, 1)]
    [InlineData(3, 2, 2, 1)]
    [InlineData(8, 2, 2, 4)]
    [InlineData(8, 1, 1, 8)]
    public void As_many_networks_as_threads_train_at_a_time_and_share_threads_left_over(
        int threads, int networks, int sideBySide, int each) =>
        Assert.Equal(new Schedule(sideBySide, each), Schedule.Share(threads, networks));

    [Fact]
    public void No_number_of_threads_means_one_per_core() =>
        Assert.Equal(Schedule.Share(Environment.ProcessorCount, 10), Schedule.Share(0, 10));

    [Fact]
    public void Small_batches_of_a_seed_are_begun_first_and_every_network_keeps_its_place()
    {
        MlpSettings settings = MadeUpRuns.Settings(options => (options.Norms, options.Seeds) = ("none,layer", "2"));
        Assert.Equal(
            [
                new Job(2, "none", 4, 1), new Job(3, "layer", 4, 1), new Job(0, "none", 128, 1), new Job(1, "layer", 128, 1),
                new Job(6, "none", 4, 2), new Job(7, "layer", 4, 2), new Job(4, "none", 128, 2), new Job(5, "layer", 128, 2),
            ],
            Schedule.InOrder(settings));
    }

    [Fact]
    public void Timings_of_networks_side_by_side_come_with_a_caution()
    {
        Assert.Null(Schedule.Share(1, 10).Caution);
        Assert.Contains("1 other training beside it; --threads 1", Schedule.Share(2, 10).Caution, StringComparison.Ordinal);
        Assert.Contains("3 others training beside it", Schedule.Share(4, 10).Caution, StringComparison.Ordinal);
    }
}
