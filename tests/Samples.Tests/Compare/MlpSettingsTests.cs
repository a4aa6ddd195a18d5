using MiniGrad.Samples.Compare;

namespace MiniGrad.Samples.Tests.Compare;

public class MlpSettingsTests
{
    [Theory]
    [InlineData("3", 5ul, new ulong[] { 5, 6, 7 })]
    [InlineData("1", 1ul, new ulong[] { 1 })]
    [InlineData("4, 2,9", 5ul, new ulong[] { 4, 2, 9 })]
    public void Seeds_are_a_count_or_a_list(string seeds, ulong first, ulong[] expected) =>
        Assert.Equal(expected, MadeUpRuns.Settings(options => (options.Seeds, options.Seed) = (seeds, first)).Seeds);

    [Theory]
    [InlineData("paper", 4, true)]
    [InlineData("paper", 128, false)]
    [InlineData("biased", 4, false)]
    [InlineData("unbiased", 128, true)]
    public void The_variance_of_batch_norm_follows_the_paper_or_the_option(string variance, int batchSize, bool unbiased) =>
        Assert.Equal(unbiased, MadeUpRuns.Settings(options => options.BatchVariance = variance).UsesUnbiasedVariance(batchSize));

    [Fact]
    public void The_command_repeats_the_settings_and_quotes_what_a_shell_would_break()
    {
        MlpSettings settings = MadeUpRuns.Settings(
            options => (options.Norms, options.Seeds, options.LearningRate) = ("rms,none", "7,8", 2.5e-4));
        Assert.Equal(
            "dotnet run -c Release --project samples/Compare -- mlp --hidden 1000,1000 --activation relu --batch-variance paper " +
            "--data '/a b/it'\\''s' --norms rms,none --batch-sizes 128,4 --epochs 3 --seeds 7,8 --optimizer adam --lr 0.00025 " +
            "--dtype float --device cpu --threads 0",
            ReproducingCommand.For(settings with { DataDirectory = "/a b/it's" }));
        Assert.Contains("--seeds 1 --seed 9", ReproducingCommand.For(settings with { Seeds = [9] }), StringComparison.Ordinal);
    }
}
