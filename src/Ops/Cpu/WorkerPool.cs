using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace MiniGrad.Ops.Cpu;

/// <summary>Work that falls into independent chunks.</summary>
internal interface IChunkJob
{
    /// <summary>Does chunk number <paramref name="chunk"/>.</summary>
    void Run(int chunk);
}

/// <summary>Shares the chunks of a job among a fixed number of threads, the caller's included.</summary>
/// <remarks>
/// Each thread has its own range of chunks, the same in every run of as many chunks, so that what a core read in one training step is in
/// its cache in the next. Who is through with his range takes from the ends of the others'. Which thread does a chunk varies thus; what a
/// chunk computes does not, so results do not depend on the number of threads. The caller takes part too and waits only for chunks that a
/// worker has begun: if no core is free for the workers, it does everything itself. The job stays on the caller's stack and is reached by
/// pointer, so that a run allocates nothing.
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>
    /// Elements of the largest operand from which on a product that reads or writes it once gains by a second core. A worker begins 0.2 to
    /// 0.5 us after the call (15 to 30 us if it sleeps). What the caller writes for both goes from core to core line by line, which costs
    /// more than it saves here: each thread has to prepare it for itself.
    /// </summary>
    public const int ElementsToShare = 1 << 16;

    // A worker that waits polls for the next job before it sleeps, for some 20 us at once and then for as many yields again, which let
    // others have its core: 0.1 to 0.2 ms. Between the jobs of a training step there may be some of one chunk that take longer than the
    // first; waking a sleeping thread costs the caller a system call, and 20 us pass until it works.
    private const int PollsBeforeYield = 500;
    private const int PollsBeforeSleep = 1000;
    private const int PausesPerPoll = 4;

    private readonly ChunkRange[] ranges;
    private readonly SemaphoreSlim wake = new(0);
    private Thread[] workers = []; // They start with the first job that there is to share.
    private volatile bool stopping;
    private int busy;

    // The running job. Written while no chunk is claimed, read only by who holds a claimed chunk, so no thread sees a mixture of two jobs.
    private delegate*<void*, int, void> runChunk;
    private void* job;
    private Exception? failure;
    private Counters counters;

    /// <summary>A pool of <paramref name="threads"/> - 1 workers and the thread that calls <see cref="Run"/>.</summary>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ranges = new ChunkRange[threads];
    }

    /// <summary>How many threads share the work, the caller's included.</summary>
    public int Threads => ranges.Length;

    /// <summary>
    /// Does the chunks 0 to <paramref name="chunks"/> - 1 and returns when all are done. One chunk, one thread, or a call while the pool is
    /// busy (from within a chunk, or from a second thread) runs them here, in order.
    /// </summary>
    /// <remarks>An exception in a chunk (one of them, if several throw) is thrown here once no thread is in a chunk any more.</remarks>
    public void Run<TJob>(in TJob job, int chunks)
        where TJob : struct, IChunkJob
    {
        if (chunks <= 1 || ranges.Length == 1 || Interlocked.CompareExchange(ref busy, 1, 0) != 0)
        {
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                // Called on the job itself: on a readonly reference the compiler calls a copy, which takes longer than a tiny op.
                Unsafe.AsRef(in job).Run(chunk);
            }
            return;
        }
        if (workers.Length == 0)
        {
            StartWorkers();
        }
        TJob local = job;
        this.job = Unsafe.AsPointer(ref local);
        runChunk = &RunChunk<TJob>;
        counters.Unfinished = chunks;
        for (int thread = 0; thread < ranges.Length; thread++)
        {
            // Publishes the fields above.
            ranges[thread].Publish((int)((long)chunks * thread / Threads), (int)((long)chunks * (thread + 1) / Threads));
        }
        // A full fence: the count of sleepers must be read after it, or a worker that falls asleep now is missed.
        Interlocked.Increment(ref counters.Jobs);
        Wake(chunks - 1);
        TakeChunks(0);
        SpinWait spin = default;
        while (Volatile.Read(ref counters.Unfinished) > 0)
        {
            // Spins, then lets other threads run: the worker that holds the last chunk may be waiting for this very core.
            spin.SpinOnce(sleep1Threshold: -1);
        }
        Exception? thrown = failure;
        failure = null;
        Volatile.Write(ref busy, 0);
        if (thrown != null)
        {
            ExceptionDispatchInfo.Throw(thrown);
        }
    }

    /// <summary>Stops the workers and waits for them to end.</summary>
    public void Dispose()
    {
        if (stopping)
        {
            return;
        }
        stopping = true;
        wake.Release(Threads);
        foreach (Thread worker in workers)
        {
            worker.Join();
        }
        wake.Dispose();
    }

    private void StartWorkers()
    {
        try
        {
            for (int i = 1; i < Threads; i++)
            {
                int thread = i;
                Thread worker = new(() => Work(thread)) { IsBackground = true, Name = $"MiniGrad worker {thread}" };
                worker.Start();
                workers = [.. workers, worker];
            }
        }
        catch
        {
            // The system refuses a thread. The caller learns it, and the next job does with those that started.
            Volatile.Write(ref busy, 0);
            throw;
        }
    }

    private static void RunChunk<TJob>(void* job, int chunk)
        where TJob : struct, IChunkJob => Unsafe.AsRef<TJob>(job).Run(chunk);

    /// <summary>Does the chunks of a thread's range, then what it can take of the others'.</summary>
    private void TakeChunks(int thread)
    {
        // A claim made late may take a chunk of the next job instead: that is fine, as the job is read after the claim.
        int done = 0, chunk;
        while ((chunk = ranges[thread].TakeFirst()) >= 0)
        {
            RunChunk(chunk);
            done++;
        }
        for (int i = 1; i < ranges.Length; i++)
        {
            ref ChunkRange other = ref ranges[(thread + i) % ranges.Length];
            while ((chunk = other.TakeLast()) >= 0)
            {
                RunChunk(chunk);
                done++;
            }
        }
        // All at once: the job cannot end before, so all were chunks of the same one.
        if (done > 0)
        {
            Interlocked.Add(ref counters.Unfinished, -done);
        }
    }

    private void RunChunk(int chunk)
    {
        try
        {
            runChunk(job, chunk);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref failure, e, null);
        }
    }

    private void Work(int thread)
    {
        int jobs = 0;
        while (!stopping)
        {
            if (AwaitJob(ref jobs))
            {
                TakeChunks(thread);
            }
        }
    }

    /// <summary>
    /// Returns true once more than <paramref name="seen"/> jobs were begun, and counts them; false when woken for none or the pool stops.
    /// </summary>
    private bool AwaitJob(ref int seen)
    {
        for (int poll = 0; poll < PollsBeforeSleep; poll++)
        {
            int jobs = Volatile.Read(ref counters.Jobs);
            if (jobs != seen)
            {
                seen = jobs;
                return true;
            }
            if (poll < PollsBeforeYield || !Thread.Yield())
            {
                Thread.SpinWait(PausesPerPoll);
            }
        }
        Interlocked.Increment(ref counters.Sleepers);
        // Between the last poll and the line above a job may have come that saw no sleeper. Then stay awake unless a wake-up is on its way.
        if ((Volatile.Read(ref counters.Jobs) == seen && !stopping) || TakeSleepers(1) == 0)
        {
            wake.Wait();
        }
        return false;
    }

    /// <summary>Wakes up to <paramref name="most"/> of the workers that sleep.</summary>
    private void Wake(int most)
    {
        if (Volatile.Read(ref counters.Sleepers) > 0)
        {
            int woken = TakeSleepers(most);
            if (woken > 0)
            {
                wake.Release(woken);
            }
        }
    }

    /// <summary>Takes up to <paramref name="most"/> off the count of sleepers and says how many: who takes one off also wakes it.</summary>
    private int TakeSleepers(int most)
    {
        while (true)
        {
            int sleepers = Volatile.Read(ref counters.Sleepers), taken = Math.Min(sleepers, most);
            if (taken == 0 || Interlocked.CompareExchange(ref counters.Sleepers, sleepers - taken, sleepers) == sleepers)
            {
                return taken;
            }
        }
    }

    /// <summary>What all threads write to, each number on its own pair of cache lines (the processor fetches lines in pairs).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Counters
    {
        /// <summary>How many jobs were begun. It may overflow: only changes matter.</summary>
        [FieldOffset(128)]
        public int Jobs;

        /// <summary>Chunks that are not done.</summary>
        [FieldOffset(256)]
        public int Unfinished;

        /// <summary>Workers that sleep, or are about to, and that nobody has promised to wake.</summary>
        [FieldOffset(384)]
        public int Sleepers;
    }
}
