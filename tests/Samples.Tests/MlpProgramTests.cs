namespace MiniGrad.Samples.Tests;

public class MlpProgramTests
{
    [Fact]
    public void A_dry_run_of_every_scheme_ends_well()
    {
        foreach (string norm in Choices.Norms)
        {
            CommandRun run = Run("--dry-run", "--norm", norm, "--hidden", "16", "--batch-size", "8", "--threads", "1");
            run.RequireSuccess();
            Assert.Contains($"norm {norm}", run.Output, StringComparison.Ordinal);
            Assert.Contains("epoch 3", run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void It_learns_the_digits_and_writes_the_epochs()
    {
        using TemporaryDirectory directory = new();
        string csv = directory.File("log.csv");
        Run("--hidden", "64", "--epochs", "2", "--threads", "1", "--csv", csv).RequireSuccess();
        string[] lines = File.ReadAllLines(csv);
        Assert.Equal("epoch,step,trainLoss,testLoss,testError,seconds", lines[0]);
        Assert.Equal(3, lines.Length);
        string[] last = lines[2].Split(',');
        Assert.Equal(["2", "126"], last[..2]);
        Assert.InRange(double.Parse(last[4]), 0, .12);
    }

    [Theory]
    [InlineData("--device cuda", "--device cuda: MINIGRAD_LIBCUDA=/no/driver: could not be loaded")]
    [InlineData("--norm foo", "--norm 'foo': must be one of none, batch,")]
    [InlineData("--epochs 0", "--epochs 0: must be 1 to")]
    [InlineData("--epochs two", "--epochs two: must be a whole number up to 2147483647")]
    [InlineData("--lr 0,1", "--lr 0,1: must be a number such as 0.001")]
    [InlineData("--dry-run=false", "--dry-run=false: --dry-run takes no value")]
    [InlineData("--hidden 65536", "--hidden 65536: must be 1 to 16384")]
    [InlineData("--csv=", "--csv: needs a value")]
    [InlineData("--lr -1", "--lr -1: must be a number above 0")]
    [InlineData("--lr 1e30 --dry-run --norm none --hidden 16", "diverged at step")]
    [InlineData("--batch-size 1 --norm batch", "--batch-size 1: batch norm needs at least 2")]
    [InlineData("--data /no/such", "/no/such: is no directory")]
    [InlineData("--csv /no/such/log.csv --dry-run --hidden 16", "--csv /no/such/log.csv: cannot be written")]
    [InlineData("--nonsense 3", "--nonsense: is no option")]
    [InlineData("stray", "'stray': belongs to no option")]
    [InlineData("--lr", "--lr: needs a value")]
    public void Bad_input_gets_one_line_and_exit_code_1(string args, string expected) => Run(args.Split(' ')).RequireRefusal(expected);

    [Fact]
    public void A_full_disk_is_named_before_the_training()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "This system has no /dev/full.");
        CommandRun run = Run("--csv", "/dev/full", "--dry-run", "--hidden", "16");
        run.RequireRefusal("--csv /dev/full: cannot be written (No space left on device");
        Assert.DoesNotContain("epoch", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_lists_the_options()
    {
        CommandRun run = Run("--help");
        run.RequireSuccess();
        Assert.Contains("batch-size", run.Output, StringComparison.Ordinal);
    }

    private static CommandRun Run(params string[] args) => CommandRun.Of((output, error) => Mlp.Program.Run(args, output, error));
}
