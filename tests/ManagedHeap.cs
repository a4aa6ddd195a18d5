namespace MiniGrad;

/// <summary>What work allocates on the managed heap.</summary>
internal static class ManagedHeap
{
    /// <summary>
    /// The bytes that <paramref name="work"/> allocates on this thread whenever it runs: the least of several runs. The runtime itself may
    /// allocate here while it recompiles a method that has become hot, but work that allocates does so in every run.
    /// </summary>
    public static long BytesAllocatedBy(Action work)
    {
        long least = long.MaxValue;
        for (int run = 0; run < 10 && least > 0; run++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
