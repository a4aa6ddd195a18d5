using CommandLine;

namespace MiniGrad.Samples.Compare;

/// <summary>What comparisons of any kind are asked for.</summary>
internal abstract class CompareOptions
{
    [Option("seeds", Default = "1", HelpText = "How many seeds to run, from --seed on; or the seeds themselves, separated by commas.")]
    public string Seeds { get; set; } = "";

    [Option("seed", Default = 1ul, HelpText = "The first seed: it decides the initial weights and the order of the training data.")]
    public ulong Seed { get; set; }

    [Option("optimizer", Default = "adam", HelpText = "sgd (momentum 0.9), adam, adamw or rmsprop.")]
    public string Optimizer { get; set; } = "";

    [Option("data", HelpText = "Directory with the four IDX files of MNIST or Fashion-MNIST, raw or .gz (default: embedded MNIST-10k).")]
    public string? Data { get; set; }

    [Option("device", Default = "auto", HelpText = "cpu, cuda or auto.")]
    public string Device { get; set; } = "";

    [Option("tf32", HelpText = "Let a GPU round the operands of matrix products to TF32: faster, with 10 bits of mantissa.")]
    public bool Tf32 { get; set; }

    [Option("threads", Default = 0, HelpText = "Threads of the CPU, each training a network of its own; 0 is one per core. " +
        "Results do not depend on it.")]
    public int Threads { get; set; }

    [Option("dtype", Default = "float", HelpText = "float or double.")]
    public string Dtype { get; set; } = "";

    [Option("out", HelpText = "Directory for results.json, curves.csv, report.html and the figures (default: runs/<verb>-<time>).")]
    public string? Out { get; set; }

    [Option("dry-run", HelpText = "A few steps of everything, to see that it works; without --out into a temporary directory.")]
    public bool DryRun { get; set; }

    [Option("verbose", HelpText = "Say which device and vector width are used, and where data come from.")]
    public bool Verbose { get; set; }
}

/// <summary>What <c>mlp</c> was asked for, as typed; <see cref="MlpSettings"/> is what is made of it.</summary>
[Verb("mlp", HelpText = "Train a multilayer perceptron with each scheme and batch size and report them side by side (the default).")]
internal sealed class MlpOptions : CompareOptions
{
    public const string DefaultNorms = "none,batch,layer,weight,rms";

    [Option("norms", Default = DefaultNorms, HelpText = "Normalization schemes, separated by commas.")]
    public string Norms { get; set; } = "";

    [Option("batch-sizes", Default = "128,4", HelpText = "Images in a batch, separated by commas.")]
    public string BatchSizes { get; set; } = "";

    [Option("hidden", Default = "1000,1000", HelpText = "Units of each hidden layer, separated by commas.")]
    public string Hidden { get; set; } = "";

    [Option("activation", Default = "relu", HelpText = "What follows each hidden layer.")]
    public string Activation { get; set; } = "";

    [Option("epochs", Default = 3, HelpText = "How often the training images are gone through.")]
    public int Epochs { get; set; }

    [Option("lr", Default = 1e-3, HelpText = "Learning rate.")]
    public double LearningRate { get; set; }

    [Option("batch-variance", Default = "paper", HelpText = "Batch norm's variance: biased, unbiased, or paper (unbiased below batch 32).")]
    public string BatchVariance { get; set; } = "";
}

/// <summary>What <c>lstm</c> was asked for, as typed; <see cref="LstmSettings"/> is what is made of it.</summary>
[Verb("lstm", HelpText = "Train a recurrent network with each scheme on a task and report them side by side, " +
    "with their hidden-state dynamics.")]
internal sealed class LstmOptions : CompareOptions
{
    public const string DefaultNorms = "none,layer,batch,weight,rms";

    [Option("task", Default = "charlm", HelpText = "charlm (next character), seqmnist, adding or copy.")]
    public string Task { get; set; } = "";

    [Option("text", HelpText = "charlm: text file in UTF-8 (default: the embedded Pride and Prejudice).")]
    public string? Text { get; set; }

    [Option("by", HelpText = "seqmnist: row or pixel (default: row).")]
    public string? By { get; set; }

    [Option("permute", HelpText = "seqmnist: shuffle the pixels of all images by one random permutation.")]
    public bool Permute { get; set; }

    [Option("length", HelpText = "charlm: steps that gradients go back (64); adding: steps (100); copy: steps of waiting (30).")]
    public int? Length { get; set; }

    [Option("cell", Default = "lstm", HelpText = "lstm, gru or rnn.")]
    public string Cell { get; set; } = "";

    [Option("norms", Default = DefaultNorms, HelpText = "Normalization schemes, separated by commas.")]
    public string Norms { get; set; } = "";

    [Option("preset", Default = "paper", HelpText = "Whose layer-normalized cell; a wrong name lists them all.")]
    public string Preset { get; set; } = "";

    [Option("hidden", Default = 128, HelpText = "Units of each layer.")]
    public int Hidden { get; set; }

    [Option("layers", Default = 1, HelpText = "Cells on top of each other.")]
    public int Layers { get; set; }

    [Option("forget-bias", Default = 1.0, HelpText = "First bias of the forget gate of an LSTM, in all schemes alike.")]
    public double ForgetBias { get; set; }

    [Option("batch-sizes", HelpText = "Sequences in a batch, separated by commas (default: by task).")]
    public string? BatchSizes { get; set; }

    [Option("epochs", HelpText = "How often --epoch-steps are trained and then tested " +
        "(default: by task; the 3 of --by pixel are too few to learn).")]
    public int? Epochs { get; set; }

    [Option("epoch-steps", Default = 100, HelpText = "Training steps between tests.")]
    public int EpochSteps { get; set; }

    [Option("lr", HelpText = "Learning rate (default: by task, one that suits the plain network).")]
    public double? LearningRate { get; set; }

    [Option("clip", Default = 1.0, HelpText = "Longest gradient; a longer one is scaled down.")]
    public double Clip { get; set; }
}

/// <summary>What <c>invariance</c> was asked for.</summary>
[Verb("invariance", HelpText = "Measure the paper's Table 1: what each scheme is invariant to, with the twins in the gradients.")]
internal sealed class InvarianceOptions
{
    [Option("json", HelpText = "File to write the table to.")]
    public string? Json { get; set; }
}
