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
/// Which thread takes a chunk varies; what a chunk computes does not, so results do not depend on the number of threads.
/// The caller takes chunks too and waits only for chunks that a worker has begun: if no core is free for the workers, it does everything itself.
/// The job stays on the caller's stack and is reached by pointer, so that a run allocates nothing.
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    // A worker that waits polls about this long (some 20 us) for the next job before it sleeps. The jobs of a training step follow each other
    // faster than that; waking a sleeping thread costs the caller a system call.
    private const int PollsBeforeSleep = 500;
    private const int PausesPerPoll = 4;

    private readonly Thread[] workers;
    private readonly SemaphoreSlim wake = new(0);
    private volatile bool stopping;
    private int busy;

    // The running job. Written while no chunk is claimed, read only by who holds a claimed chunk, so no thread sees a mixture of two jobs.
    private delegate*<void*, int, void> runChunk;
    private void* job;
    private int chunks;
    private Exception? failure;
    private Counters counters;

    /// <summary>A pool of <paramref name="threads"/> - 1 workers and the thread that calls <see cref="Run"/>.</summary>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        workers = new Thread[threads - 1];
        for (int i = 0; i < workers.Length; i++)
        {
            workers[i] = new Thread(Work) { IsBackground = true, Name = $"MiniGrad worker {i + 1}" };
            workers[i].Start();
        }
    }

    /// <summary>How many threads share the work, the caller's included.</summary>
    public int Threads => workers.Length + 1;

    /// <summary>
    /// Does the chunks 0 to <paramref name="chunks"/> - 1 and returns when all are done. One chunk, one thread, or a call while the pool is busy
    /// (from within a chunk, or from a second thread) runs them here, in order.
    /// </summary>
    /// <remarks>An exception in a chunk (one of them, if several throw) is thrown here once no thread is in a chunk any more.</remarks>
    public void Run<TJob>(in TJob job, int chunks)
        where TJob : struct, IChunkJob
    {
        if (chunks <= 1 || workers.Length == 0 || Interlocked.CompareExchange(ref busy, 1, 0) != 0)
        {
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                job.Run(chunk);
            }
            return;
        }
        TJob local = job;
        this.job = Unsafe.AsPointer(ref local);
        this.chunks = chunks;
        runChunk = &RunChunk<TJob>;
        counters.Unfinished = chunks;
        // Publishes the fields above. A full fence: the count of sleepers must be read after it, or a worker that falls asleep now is missed.
        Interlocked.Exchange(ref counters.Unclaimed, chunks);
        Wake(chunks - 1);
        TakeChunks();
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

    private static void RunChunk<TJob>(void* job, int chunk)
        where TJob : struct, IChunkJob => Unsafe.AsRef<TJob>(job).Run(chunk);

    /// <summary>Claims and does chunks until none is left.</summary>
    private void TakeChunks()
    {
        // A claim made late may take a chunk of the next job instead: that is fine, as the job is read after the claim.
        for (int left = Interlocked.Decrement(ref counters.Unclaimed); left >= 0; left = Interlocked.Decrement(ref counters.Unclaimed))
        {
            try
            {
                runChunk(job, chunks - 1 - left);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, e, null);
            }
            Interlocked.Decrement(ref counters.Unfinished);
        }
    }

    private void Work()
    {
        while (!stopping)
        {
            if (AwaitChunks())
            {
                TakeChunks();
            }
        }
    }

    /// <summary>Returns true as soon as there is a chunk to claim; false when it was woken for none or the pool stops.</summary>
    private bool AwaitChunks()
    {
        for (int poll = 0; poll < PollsBeforeSleep; poll++)
        {
            if (Volatile.Read(ref counters.Unclaimed) > 0)
            {
                return true;
            }
            Thread.SpinWait(PausesPerPoll);
        }
        Interlocked.Increment(ref counters.Sleepers);
        // Between the last poll and the line above, a job may have come that saw no sleeper. Then stay awake, unless a wake-up is on its way.
        if ((Volatile.Read(ref counters.Unclaimed) > 0 || stopping) && TakeSleepers(1) == 1)
        {
            return true;
        }
        wake.Wait();
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
        /// <summary>Chunks that nobody has taken; below zero after threads looked in vain.</summary>
        [FieldOffset(128)]
        public int Unclaimed;

        /// <summary>Chunks that are not done.</summary>
        [FieldOffset(256)]
        public int Unfinished;

        /// <summary>Workers that sleep, or are about to, and that nobody has promised to wake.</summary>
        [FieldOffset(384)]
        public int Sleepers;
    }
}
