using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Normalize;

public class RowChunksTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 4097)]
    [InlineData(3, 100000)]
    [InlineData(300, 20000)]
    [InlineData(128, 1000)]
    [InlineData(2101, 1000)]
    [InlineData(32768, 768)]
    [InlineData(1000001, 3)]
    public void Chunks_cover_all_rows_in_pairs_and_are_few(int rows, int columns)
    {
        int grain = RowChunks.Grain(rows, columns), count = RowChunks.Count(rows, columns);
        Assert.InRange(rows, ((count - 1) * grain) + 1, count * grain);
        Assert.True(grain % 2 == 0 || grain == 1 || count == 1, $"{grain} rows per chunk leave one without a partner in each");
        Assert.InRange(count, 1, 128);
    }

    [Fact]
    public void Sums_go_over_more_rows_but_cover_them_in_pairs_too()
    {
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        Assert.Equal(66, RowChunks.SumGrain(backend, 128, 1000));
        Assert.Equal(64, RowChunks.SumGrain(backend, 64, 400));
        Assert.Equal(256, RowChunks.SumGrain(backend, 32768, 768));
    }
}
