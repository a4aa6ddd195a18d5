using CommandLine;

namespace MiniGrad.Samples.Mlp;

/// <summary>What the program was asked for.</summary>
internal sealed class Options
{
    [Option("norm", Default = "layer", HelpText = "Normalization scheme; a wrong name lists them all.")]
    public string Norm { get; set; } = "";

    [Option("epochs", Default = 3, HelpText = "How often the training images are gone through.")]
    public int Epochs { get; set; }

    [Option("batch-size", Default = 128, HelpText = "Images in a batch.")]
    public int BatchSize { get; set; }

    [Option("hidden", Default = 256, HelpText = "Units of each of the two hidden layers.")]
    public int Hidden { get; set; }

    [Option("lr", Default = 1e-3, HelpText = "Learning rate of Adam.")]
    public double LearningRate { get; set; }

    [Option("seed", Default = 1ul, HelpText = "Decides the first weights and the order of the images.")]
    public ulong Seed { get; set; }

    [Option("data", HelpText = "Directory with the four IDX files of MNIST or Fashion-MNIST, raw or .gz (default: embedded MNIST-10k).")]
    public string? Data { get; set; }

    [Option("device", Default = "auto", HelpText = "cpu, cuda or auto.")]
    public string Device { get; set; } = "";

    [Option("tf32", HelpText = "Let a GPU round the operands of matrix products to TF32: faster, with 10 bits of mantissa.")]
    public bool Tf32 { get; set; }

    [Option("threads", Default = 0, HelpText = "Threads of the CPU; 0 is one per core.")]
    public int Threads { get; set; }

    [Option("csv", HelpText = "File to write the epochs to.")]
    public string? Csv { get; set; }

    [Option("dry-run", HelpText = "A few steps only, to see that it works.")]
    public bool DryRun { get; set; }

    /// <exception cref="InputException">A number is out of range.</exception>
    public void Check()
    {
        Choices.Norm(Norm);
        Choices.RequireRange("--epochs", Epochs, 1, 100_000);
        Choices.RequireRange("--batch-size", BatchSize, 1, 65_536);
        Choices.RequireRange("--hidden", Hidden, 1, Choices.MostUnits);
        Choices.RequirePositive("--lr", LearningRate);
        if (BatchSize == 1 && Norm.StartsWith("batch", StringComparison.Ordinal))
        {
            throw new InputException("--batch-size 1: batch norm needs at least 2 images in a batch; take another --norm.");
        }
    }
}
