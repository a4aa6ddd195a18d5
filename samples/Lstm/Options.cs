using CommandLine;

namespace MiniGrad.Samples.Lstm;

/// <summary>What the program was asked for.</summary>
internal sealed class Options
{
    [Option("text", HelpText = "Text file to learn from, in UTF-8 (default: the embedded Pride and Prejudice).")]
    public string? Text { get; set; }

    [Option("norm", Default = "layer", HelpText = "Normalization of the cell; a wrong name lists them all.")]
    public string Norm { get; set; } = "";

    [Option("epochs", Default = 4, HelpText = "How often the training text is gone through.")]
    public int Epochs { get; set; }

    [Option("batch-size", Default = 32, HelpText = "Places of the text that are read side by side.")]
    public int BatchSize { get; set; }

    [Option("length", Default = 64, HelpText = "Characters that gradients go back through.")]
    public int Length { get; set; }

    [Option("hidden", Default = 256, HelpText = "Units of a cell.")]
    public int Hidden { get; set; }

    [Option("layers", Default = 1, HelpText = "Cells on top of each other.")]
    public int Layers { get; set; }

    [Option("lr", Default = 3e-3, HelpText = "Learning rate of Adam.")]
    public double LearningRate { get; set; }

    [Option("clip", Default = 1.0, HelpText = "Longest gradient; a longer one is scaled down.")]
    public double Clip { get; set; }

    [Option("temperature", Default = 0.7, HelpText = "Of sampled text: towards 0 the likeliest characters, above 1 surprising ones.")]
    public double Temperature { get; set; }

    [Option("sample", Default = 200, HelpText = "Characters to write at each report; 0 for none.")]
    public int Sample { get; set; }

    [Option("report-every", Default = 100, HelpText = "Steps between reports.")]
    public int ReportEvery { get; set; }

    [Option("seed", Default = 1ul, HelpText = "Decides the first weights and the sampled text.")]
    public ulong Seed { get; set; }

    [Option("device", Default = "auto", HelpText = "cpu, cuda or auto.")]
    public string Device { get; set; } = "";

    [Option("tf32", HelpText = "Let a GPU round the operands of matrix products to TF32: faster, with 10 bits of mantissa.")]
    public bool Tf32 { get; set; }

    [Option("threads", Default = 0, HelpText = "Threads of the CPU; 0 is one per core.")]
    public int Threads { get; set; }

    [Option("dry-run", HelpText = "A few steps only, to see that it works.")]
    public bool DryRun { get; set; }

    [Option("verbose", HelpText = "Say which device and vector width are used, what the parameters are, and losses to seven digits.")]
    public bool Verbose { get; set; }

    /// <exception cref="InputException">A number is out of range.</exception>
    public void Check()
    {
        const int Most = 65_536;
        Choices.RecurrentNorm(Norm);
        Choices.RequireRange("--epochs", Epochs, 1, 100_000);
        Choices.RequireRange("--batch-size", BatchSize, Norm == "batch" ? 2 : 1, Most);
        Choices.RequireRange("--length", Length, 1, Most);
        Choices.RequireRange("--hidden", Hidden, 1, Choices.MostUnits);
        Choices.RequireRange("--layers", Layers, 1, 100);
        Choices.RequireRange("--sample", Sample, 0, 1_000_000);
        Choices.RequireRange("--report-every", ReportEvery, 1, int.MaxValue);
        Choices.RequirePositive("--lr", LearningRate);
        Choices.RequirePositive("--clip", Clip);
        Choices.RequirePositive("--temperature", Temperature);
    }
}
