using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(16)]
    public void Every_chunk_runs_exactly_once(int threads)
    {
        using WorkerPool pool = new(threads);
        foreach (int chunks in new[] { 0, 1, 2, 3, 17, 1000 })
        {
            int[] counts = new int[chunks];
            pool.Run(new Count(counts), chunks);
            Assert.All(counts, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void Many_short_jobs_of_two_kinds_follow_each_other_safely()
    {
        using WorkerPool pool = new(4);
        int[] counts = new int[5], times = new int[7];
        for (int round = 0; round < 20_000; round++)
        {
            pool.Run(new Count(counts), counts.Length);
            pool.Run(new CountTwice(times, 3), times.Length);
        }
        Assert.All(counts, count => Assert.Equal(20_000, count));
        Assert.All(times, count => Assert.Equal(60_000, count));
    }

    [Fact]
    public void Workers_that_fell_asleep_wake_up()
    {
        using WorkerPool pool = new(3);
        Barrier meeting = new(3);
        for (int round = 0; round < 5; round++)
        {
            Thread.Sleep(20);
            // Only three threads at once can pass: the run hangs unless both workers come.
            pool.Run(new Meet(meeting), 3);
        }
        Assert.Equal(5, meeting.CurrentPhaseNumber);
    }

    [Fact]
    public void The_caller_finishes_alone_when_the_workers_are_held_up()
    {
        using WorkerPool pool = new(2);
        int caller = Environment.CurrentManagedThreadId;
        using ManualResetEventSlim callerIsThrough = new();
        int[] byCaller = new int[1];
        // Whoever is not the caller stops in its first chunk until the caller has done 99 of the 100.
        pool.Run(new HoldUpOthers(caller, byCaller, callerIsThrough), 100);
        Assert.InRange(byCaller[0], 99, 100);
    }

    [Fact]
    public void A_run_within_a_chunk_runs_inline()
    {
        using WorkerPool pool = new(4);
        int[] counts = new int[64];
        pool.Run(new Nested(pool, counts), 8);
        Assert.All(counts, count => Assert.Equal(1, count));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void An_exception_reaches_the_caller_and_the_pool_goes_on(int threads)
    {
        using WorkerPool pool = new(threads);
        for (int round = 0; round < 50; round++)
        {
            InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => pool.Run(new Fail(round % 10), 10));
            Assert.Equal($"chunk {round % 10}", e.Message);
            int[] counts = new int[10];
            pool.Run(new Count(counts), 10);
            Assert.All(counts, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void A_run_allocates_nothing()
    {
        using WorkerPool pool = new(2);
        int[] counts = new int[8];
        pool.Run(new Count(counts), 8);
        Assert.Equal(0, ManagedHeap.BytesAllocatedBy(() =>
        {
            for (int round = 0; round < 1000; round++)
            {
                pool.Run(new Count(counts), 8);
            }
        }));
    }

    [Fact]
    public void Dispose_ends_the_threads_and_may_be_called_twice()
    {
        WorkerPool pool = new(4);
        pool.Run(new Count(new int[4]), 4);
        pool.Dispose();
        pool.Dispose();
    }

    private readonly struct Count(int[] counts) : IChunkJob
    {
        public void Run(int chunk) => Interlocked.Increment(ref counts[chunk]);
    }

    private readonly struct CountTwice(int[] counts, int step) : IChunkJob
    {
        public void Run(int chunk) => Interlocked.Add(ref counts[chunk], step);
    }

    private readonly struct Meet(Barrier meeting) : IChunkJob
    {
        public void Run(int chunk) => Assert.True(meeting.SignalAndWait(TimeSpan.FromSeconds(60)));
    }

    private readonly struct HoldUpOthers(int caller, int[] byCaller, ManualResetEventSlim callerIsThrough) : IChunkJob
    {
        public void Run(int chunk)
        {
            if (Environment.CurrentManagedThreadId != caller)
            {
                Assert.True(callerIsThrough.Wait(TimeSpan.FromSeconds(60)));
            }
            else if (++byCaller[0] == 99)
            {
                callerIsThrough.Set();
            }
        }
    }

    private readonly struct Nested(WorkerPool pool, int[] counts) : IChunkJob
    {
        public void Run(int chunk) => pool.Run(new Shifted(counts, 8 * chunk), 8);
    }

    private readonly struct Shifted(int[] counts, int start) : IChunkJob
    {
        public void Run(int chunk) => Interlocked.Increment(ref counts[start + chunk]);
    }

    private readonly struct Fail(int failing) : IChunkJob
    {
        public void Run(int chunk)
        {
            if (chunk == failing)
            {
                throw new InvalidOperationException($"chunk {chunk}");
            }
        }
    }
}
