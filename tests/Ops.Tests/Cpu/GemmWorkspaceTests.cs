using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

public sealed unsafe class GemmWorkspaceTests
{
    [Fact]
    public void What_was_packed_is_kept_for_the_same_piece_of_the_same_job_while_the_memory_stays() => OnNewThread(() =>
    {
        long job = GemmWorkspace.NextJob();
        float* memory = GemmWorkspace.Own<float>(100);
        Assert.False(GemmWorkspace.Keeps(job, 3));
        Assert.True(GemmWorkspace.Own<float>(100) == memory && GemmWorkspace.Own<double>(50) == memory);
        Assert.True(GemmWorkspace.Keeps(job, 3));
        Assert.False(GemmWorkspace.Keeps(job, 4));
        Assert.False(GemmWorkspace.Keeps(GemmWorkspace.NextJob(), 4));
    });

    [Fact]
    public void What_was_packed_is_lost_when_the_memory_grows() => OnNewThread(() =>
    {
        long job = GemmWorkspace.NextJob();
        GemmWorkspace.Own<float>(100);
        GemmWorkspace.Keeps(job, 0);
        GemmWorkspace.Own<float>(101);
        Assert.False(GemmWorkspace.Keeps(job, 0));
    });

    [Fact]
    public void A_thread_keeps_nothing_for_another() => OnNewThread(() =>
    {
        long job = GemmWorkspace.NextJob();
        float* memory = GemmWorkspace.Own<float>(100);
        GemmWorkspace.Keeps(job, 0);
        OnNewThread(() =>
        {
            Assert.True(GemmWorkspace.Own<float>(100) != memory);
            Assert.False(GemmWorkspace.Keeps(job, 0));
        });
        Assert.True(GemmWorkspace.Keeps(job, 0));
    });

    /// <summary>Where nothing was ever packed.</summary>
    private static void OnNewThread(Action work)
    {
        Exception? failure = null;
        Thread thread = new(() => failure = Record.Exception(work));
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }
}
