namespace MiniGrad.Samples.Compare;

/// <summary>How the networks of a comparison share the threads: as many train side by side as there are threads, each by itself.</summary>
/// <remarks>
/// Threads that train networks of their own never wait for each other, as those do that share the work of one. Where threads outnumber the
/// networks, each network gets an equal share of them.
/// </remarks>
/// <param name="SideBySide">How many networks train at a time.</param>
/// <param name="ThreadsEach">The threads that each of them has.</param>
internal sealed record Schedule(int SideBySide, int ThreadsEach)
{
    /// <summary>One network at a time, with all threads.</summary>
    /// <param name="threads">How many; 0 for one per core.</param>
    public static Schedule OneByOne(int threads) => new(1, threads);

    /// <summary>The threads shared out among networks.</summary>
    /// <param name="threads">How many there are; 0 for one per core.</param>
    /// <param name="networks">How many networks are to be trained.</param>
    public static Schedule Share(int threads, int networks)
    {
        int all = threads == 0 ? Environment.ProcessorCount : threads, sideBySide = Math.Min(all, networks);
        return new Schedule(sideBySide, all / sideBySide);
    }

    /// <summary>What to keep in mind about timings; null if there is nothing.</summary>
    public string? Caution => SideBySide == 1 ? null
        : $"Each network was timed with {ComparisonSettings.Count(SideBySide - 1, "other")} training beside it; " +
          "--threads 1 trains and times one at a time.";

    /// <summary>In words.</summary>
    public override string ToString() => SideBySide == 1
        ? "one network at a time"
        : $"{SideBySide} networks side by side, {ComparisonSettings.Count(ThreadsEach, "thread")} each";

    /// <summary>
    /// The order in which networks are begun: seed after seed, and of a seed the small batches first, as they take longest and what is left
    /// at the end is short. Each comes with its place in the plan.
    /// </summary>
    public static IEnumerable<Job> InOrder(ComparisonSettings settings) =>
        from job in settings.Plan.Select((run, place) => new Job(place, run.Norm, run.BatchSize, run.Seed))
        orderby job.Place / (settings.Norms.Count * settings.BatchSizes.Count), job.BatchSize, job.Place
        select job;
}

/// <summary>A network to be trained.</summary>
/// <param name="Place">Where it is in the plan, from 0.</param>
/// <param name="Norm">The scheme.</param>
/// <param name="BatchSize">Cases in a batch.</param>
/// <param name="Seed">Of the weights and the order of the training data.</param>
internal sealed record Job(int Place, string Norm, int BatchSize, ulong Seed);
